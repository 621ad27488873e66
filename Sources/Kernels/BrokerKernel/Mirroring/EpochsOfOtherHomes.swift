import ClusterModel
import SegmentedLog

extension Partition {
    /// Where a consumer is told that a leader epoch ended, which it asks with what it read last (KIP-320).
    ///
    /// It may have read at another home of the topic, where epochs are counted differently: records and offsets are the same
    /// in all of them, up to where the log was cut when the home moved. An end that is not known would send it where its
    /// `auto.offset.reset` says, past records that it has not read. An epoch of another home that is in use here too, since
    /// the last cut, is taken for ours.
    func endForConsumers(of epoch: LeaderEpoch) -> EpochEnd {
        let known = log.end(of: epoch)
        guard epoch >= 0, standing != .ordinary else { return known }
        // At offset 0 nothing was cut off: from there a mirror goes on whose earlier log was deleted.
        let cuts = cuts.filter { $0.offset > 0 }
        if let cut = cuts.first(where: { $0.leaderEpoch > epoch }) {
            return EpochEnd(epoch: epoch, endOffset: min(cut.offset, log.logEndOffset))
        }
        switch standing.state {
        case .mirroring, .promoting:
            return EpochEnd(epoch: epoch, endOffset: log.logEndOffset)
        case .ordinary, .fenced:
            guard known == .unknown else { return known }
            return EpochEnd(epoch: epoch, endOffset: min(cuts.last?.offset ?? log.logEndOffset, log.logEndOffset))
        }
    }
}
