import ClusterModel
import Seams

extension PartitionLog {
    /// The first record whose timestamp is `timestamp` or more, in milliseconds since 1970; nil when there is none.
    package func firstRecord(stampedFrom timestamp: Int64) throws(LogFailure) -> TimestampedOffset? {
        for segment in segments where segment.maxTimestamp >= timestamp {
            if let found = try segment.firstRecord(stampedFrom: timestamp, startingAt: logStartOffset) { return found }
        }
        return nil
    }

    /// The first of the records with the largest timestamp; nil when no record has one.
    package func recordWithMaxTimestamp() throws(LogFailure) -> TimestampedOffset? {
        var largest: LogSegment?
        for segment in segments where segment.maxTimestamp > largest?.maxTimestamp ?? -1 { largest = segment }
        return try largest?.recordWithMaxTimestamp()
    }

    /// The leader epoch of the first batch that ends at `offset` or later, as it stands in the batch; nil when there is
    /// none.
    package func leaderEpoch(ofBatchAt offset: Offset) throws(LogFailure) -> LeaderEpoch? {
        for segment in segments[(segmentIndex(of: offset) ?? 0)...] {
            if let found = try segment.find(offset, from: nil) { return found.header.leaderEpoch }
        }
        return nil
    }

    /// Where the log begins, on this disk as everywhere.
    package var earliest: TimestampedOffset {
        TimestampedOffset(offset: logStartOffset, timestamp: -1, leaderEpoch: leaderEpochs.epoch(at: logStartOffset))
    }

    /// Where the records of an epoch end (KIP-101, KIP-320).
    package func end(of epoch: LeaderEpoch) -> EpochEnd {
        leaderEpochs.end(of: epoch, logEndOffset: logEndOffset)
    }
}
