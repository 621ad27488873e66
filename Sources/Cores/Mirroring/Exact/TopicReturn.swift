import ClusterModel
import Controller

/// How the old home of a topic, fenced since, becomes a mirror of the new one: what only the old home has is cut off.
package enum TopicReturn {
    /// Why the two homes of a partition cannot be compared yet; nil when they can.
    package static func obstacle(own: PartitionStanding, home: PartitionStanding) -> String? {
        if own.state != .fenced { return "its leader at the old home has not heard yet that nobody writes there" }
        guard home.state == .ordinary, home.homeEpoch >= own.homeEpoch else {
            return "its leader at the new home has not heard yet that its home is there"
        }
        if !own.isSettled { return "not all who are in sync at its old home have the same yet" }
        return nil
    }

    /// The search for the offset from where on only the old home has what it has.
    package static func search(own: PartitionStanding, home: PartitionStanding) -> DigestSearch {
        let start = max(own.logStart, home.logStart)
        let end = min(own.highWatermark, home.highWatermark)
        let nothingInCommon = max(own.logStart, end)
        return DigestSearch(in: start < end ? start..<end : nothingInCommon..<nothingInCommon)
    }
}
