import ClusterModel
import Seams

/// How far one follower has come, as its leader knows.
struct FollowerProgress: Sendable {
    let broker: BrokerID
    /// The end of its log as its last fetch said; -1 before the first fetch of the leader's term.
    private(set) var position: Offset = -1
    /// Where its log begins, as its last fetch said; -1 before the first fetch of the leader's term.
    private(set) var logStart: Offset = -1
    /// When it was last seen at the end of the leader's log; nil when never in this term.
    private(set) var caughtUpAt: Instant?
    /// Whether the broker may be in the in-sync set, as of its last fetch: it is registered under the epoch that it
    /// fetches with and is not shutting down (KIP-841, KIP-903).
    private(set) var mayBeInSync: Bool
    /// The epoch of its registration that its last fetch named; -1 when it named none.
    private var brokerEpoch: Int64 = -1
    /// Whether it is about to stop, or is gone.
    private(set) var isLeaving = false
    private var lastFetchAt: Instant?
    private var endAtLastFetch: Offset = -1

    /// - Parameter termBegan: given for one in the in-sync set, whose time to fetch begins then.
    init(broker: BrokerID, inSyncSince termBegan: Instant?) {
        self.broker = broker
        caughtUpAt = termBegan
        mayBeInSync = termBegan != nil
    }

    /// Notes a fetch at `offset`, which acknowledges all before it.
    ///
    /// A follower that reaches what was the log's end when it fetched before was caught up at that time: under constant
    /// load one that keeps up is never seen at the very end.
    mutating func fetched(
        from offset: Offset, logStart: Offset, leaderEnd: Offset, brokerEpoch: Int64, mayBeInSync: Bool, at now: Instant
    ) {
        if offset >= leaderEnd {
            caughtUpAt = now
        } else if let lastFetchAt, offset >= endAtLastFetch, lastFetchAt > caughtUpAt ?? lastFetchAt + .seconds(-1) {
            caughtUpAt = lastFetchAt
        }
        position = offset
        self.logStart = logStart
        self.brokerEpoch = brokerEpoch
        self.mayBeInSync = mayBeInSync
        lastFetchAt = now
        endAtLastFetch = leaderEnd
    }

    /// Notes that its registration is another: what it has said counts only if it said it under this one.
    /// - Parameter epoch: nil when it is not registered or is shutting down.
    mutating func registered(epoch: Int64?) {
        mayBeInSync = brokerEpoch != -1 && brokerEpoch == epoch
        isLeaving = epoch == nil
    }

    /// Notes that it has joined the in-sync set: it was at the high watermark, and has yet to reach the log's end.
    mutating func joined(at now: Instant) {
        caughtUpAt = now
    }

    /// Notes that the leader's log grows beyond `end`. One that stood there was caught up until now: it is not asked
    /// to fetch anew what has not changed.
    mutating func leaderAppends(at end: Offset, at now: Instant) {
        if position >= end { caughtUpAt = now }
    }

    /// Grows with how much it has, and then with how recently it was caught up; no two followers have the same.
    var rank: (Offset, Int64, Int32) { (position, caughtUpAt?.nanoseconds ?? .min, broker.value) }

    /// Until when it counts as caught up; `never` while it stands at the end of the leader's log, nil when it has never
    /// been there.
    func isCaughtUp(until limit: Duration, leaderEnd: Offset) -> Instant? {
        if position >= leaderEnd { return .never }
        return caughtUpAt.map { $0 + limit }
    }
}
