import ClusterModel
import Records
import Seams
import SegmentedLog

/// What a disk thread does for the kernel beside its shard.
package enum DiskJob: Sendable {
    case flush(TopicPartition, LogFlush)
    /// One at a time.
    case compact(TopicPartition, LogCleaning)
    /// Goes on with the copy of a log that moves to another directory. One at a time.
    case copy(TopicPartition, FutureLog, CatchUp, at: Instant)
    case digest(DigestTicket, [LogStretch])

    /// Does the job, telling the kernel what it needs to know of it, the end last.
    /// - Parameter pace: told bytes that compaction reads or writes; may take its time.
    package func perform(pace: (Int) -> Void, tell: (DiskNews) -> Void) {
        switch self {
        case .flush(let partition, let flush):
            do throws(FileSystemError) {
                try flush.perform()
                tell(.flushed(partition, flush, nil))
            } catch {
                tell(.flushed(partition, flush, error))
            }
        case .compact(let partition, let round):
            do throws(LogFailure) {
                let end = try round.perform(pace: pace) { tell(.segmentCompacted(partition, round, $0)) }
                tell(.compactionEnded(partition, round, .success(end)))
            } catch {
                tell(.compactionEnded(partition, round, .failure(error)))
            }
        case .copy(let partition, let future, let step, let now):
            do throws(LogFailure) {
                let refusal = try future.perform(step, at: now)
                tell(.copied(partition, future, step, .success(refusal)))
            } catch {
                tell(.copied(partition, future, step, .failure(error)))
            }
        case .digest(let ticket, let stretches):
            let results = stretches.map { stretch -> Result<RangeDigest, LogFailure> in
                do throws(LogFailure) { return .success(try stretch.digest()) } catch { return .failure(error) }
            }
            tell(.digested(ticket, results))
        }
    }
}

/// What a disk thread tells of its jobs.
package enum DiskNews: Sendable {
    case flushed(TopicPartition, LogFlush, FileSystemError?)
    /// A new segment waits for its place.
    case segmentCompacted(TopicPartition, LogCleaning, CleanedSegment)
    case compactionEnded(TopicPartition, LogCleaning, Result<Offset?, LogFailure>)
    /// Why the batches that were copied could not be appended, if they could not.
    case copied(TopicPartition, FutureLog, CatchUp, Result<AppendRefusal?, LogFailure>)
    /// One result a stretch, in their order.
    case digested(DigestTicket, [Result<RangeDigest, LogFailure>])
}
