import ClusterModel
import SegmentedLog

/// Where a follower's log and its leader's part (KIP-101, KIP-279, KIP-595).
package enum Divergence {
    /// What a leader says to a follower that fetches at `offset` and whose last record is of `lastEpoch`: where in the
    /// leader's log that epoch, or the largest one below it, ends; nil when the follower's log is the beginning of the
    /// leader's.
    /// - Parameter lastEpoch: -1 when the follower knows no epoch, which nothing can be said about.
    package static func end(
        in log: PartitionLog, ofFollowerAt offset: Offset, lastEpoch: LeaderEpoch
    ) -> EpochEnd? {
        guard lastEpoch >= 0 else { return nil }
        let end = log.end(of: lastEpoch)
        return end.epoch < lastEpoch || end.endOffset < offset ? end : nil
    }

    /// Where the follower cuts its log when its leader's has `leaderEnd` for the epoch of the follower's last record.
    ///
    /// When the follower has no records of the epoch that the leader names, its records of the largest epoch below it
    /// may still differ from the leader's; its next fetch, which names that epoch, tells.
    /// - Parameter localEnd: what the follower's own log says of `leaderEnd.epoch`.
    package static func truncationPoint(leaderEnd: EpochEnd, localEnd: EpochEnd, logEnd: Offset) -> Offset {
        guard localEnd.endOffset >= 0 else { return min(leaderEnd.endOffset, logEnd) }
        if localEnd.epoch != leaderEnd.epoch { return min(localEnd.endOffset, logEnd) }
        return min(leaderEnd.endOffset, localEnd.endOffset, logEnd)
    }
}
