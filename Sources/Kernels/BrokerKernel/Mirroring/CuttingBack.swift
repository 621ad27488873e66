import ClusterModel
import Replication
import SegmentedLog

extension BrokerKernel {
    /// Drops what stands behind the cuts of a topic whose home has moved: records at a cut or behind it that are of an
    /// earlier leader epoch than the one in which the log goes on there. Once they are gone nothing of the kind comes
    /// again, so this may be repeated at any time, and is after a crash.
    mutating func cutBack(_ partition: Partition) {
        var offset: Offset?
        for cut in partition.cuts where offset == nil && cut.offset < partition.log.logEndOffset {
            let epoch = onLog { () throws(LogFailure) in try partition.log.leaderEpoch(ofBatchAt: cut.offset) }
            // Later cuts lie behind this one.
            if let epoch, let epoch, epoch < cut.leaderEpoch { offset = cut.offset }
        }
        guard let offset else { return }
        truncate([(partition, offset)])
        parkedFetches.note(partition)
        // What the leader knew of followers was of the longer log.
        guard let term = partition.leadership?.term else { return }
        resign(partition)
        lead(partition, term)
    }
}
