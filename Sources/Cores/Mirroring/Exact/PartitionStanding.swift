import ClusterModel
import Controller

/// A partition as the leader at one end of a link sees it, for moves of homes.
package struct PartitionStanding: Sendable, Equatable {
    package var state: MirrorStanding.State
    /// Empty for a topic that never moved.
    package var link: String
    package var homeEpoch: Int32
    package var logStart: Offset
    package var lastStableOffset: Offset
    package var highWatermark: Offset
    package var end: Offset
    /// Whether nothing but what the leader has can ever be committed at its offsets, whoever leads next.
    package var isSettled: Bool
    package var hasOpenTransactions: Bool

    package init(
        state: MirrorStanding.State, link: String, homeEpoch: Int32, logStart: Offset, lastStableOffset: Offset,
        highWatermark: Offset, end: Offset, isSettled: Bool, hasOpenTransactions: Bool
    ) {
        self.state = state
        self.link = link
        self.homeEpoch = homeEpoch
        self.logStart = logStart
        self.lastStableOffset = lastStableOffset
        self.highWatermark = highWatermark
        self.end = end
        self.isSettled = isSettled
        self.hasOpenTransactions = hasOpenTransactions
    }

    /// Whether all that the leader has is committed. Where the leader is new it may not know that yet, and where nobody
    /// writes it soon will.
    package var isCommitted: Bool { highWatermark == end }
}
