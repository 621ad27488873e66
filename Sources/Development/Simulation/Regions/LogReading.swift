import BrokerKernel
import ClusterModel
import NIOCore
import Records
import SegmentedLog

/// What an oracle has read of one replica's log, step after step of its broker.
struct LogReading {
    /// What stands in a batch, but for the leader epoch.
    struct Content: Equatable {
        var next: Offset
        var digest: RangeDigest
    }

    struct Batch {
        var base: Offset
        var content: Content
        /// Whether it is the marker of a transaction's end.
        var isMarker: Bool
    }

    /// What was not there, or not committed, when the log was read before.
    struct News {
        /// What was committed and deleted in one step.
        var deleted: [Batch] = []
        /// What is committed now.
        var committed: [Batch] = []
        /// What a leader holds that is not committed.
        var appended: [Batch] = []
    }

    let topicID: KafkaUUID
    /// Up to where it was committed, and read.
    private var end: Offset = 0
    /// In which epoch its broker led; nil for a follower.
    private var ledIn: LeaderEpoch?
    /// What a leader held behind `end`.
    private var uncommitted: [Batch] = []
    /// Where a leader's log ended.
    private var logEnd: Offset = 0

    init(of partition: Partition) { topicID = partition.topicID }

    /// Whether the log is not any more as it was read.
    func isStale(for partition: Partition) -> Bool {
        let term = partition.leadership?.term.epoch
        if end != partition.log.highWatermark { return true }
        return term != nil && (term != ledIn || logEnd != partition.log.logEndOffset)
    }

    /// Reads what the log has, up to `newEnd`, that was not committed before, and what a leader has behind that.
    ///
    /// What a leader commits and deletes in one step is in its log no more, but was committed all the same: while it leads
    /// its log only grows at the end, so its high watermark has passed what it was seen to hold.
    mutating func goOn(in partition: Partition, committedTo newEnd: Offset) throws -> News {
        let log = partition.log
        let term = partition.leadership?.term.epoch
        let hasGrown = term != nil && term == ledIn && logEnd <= log.logEndOffset
        if !hasGrown { uncommitted = [] }
        var news = News()
        news.deleted = uncommitted.filter { $0.content.next <= min(newEnd, log.logStartOffset) }
        news.committed = try Self.batches(of: log, max(min(end, newEnd), log.logStartOffset), newEnd)
        uncommitted.removeAll { $0.content.next <= newEnd }
        (end, ledIn, logEnd) = (newEnd, term, log.logEndOffset)
        if term != nil, newEnd == log.highWatermark {
            news.appended = try Self.batches(of: log, uncommitted.last?.content.next ?? newEnd, logEnd)
            uncommitted += news.appended
        }
        return news
    }

    private static func batches(of log: PartitionLog, _ begin: Offset, _ end: Offset) throws -> [Batch] {
        guard begin < end else { return [] }
        return try log.batches(begin..<end).map { header, digest in
            Batch(
                base: header.baseOffset, content: Content(next: header.nextOffset, digest: digest),
                isMarker: header.attributes.isControl)
        }
    }
}

extension PartitionLog {
    /// The batches in which offsets of a range are.
    func batches(_ range: Range<Offset>) throws -> [(header: RecordBatchHeader, digest: RangeDigest)] {
        var found: [(header: RecordBatchHeader, digest: RangeDigest)] = []
        var batches = RecordBatches(try bytes(range))
        while let batch = try batches.next() {
            guard batch.header.nextOffset > range.lowerBound, batch.header.baseOffset < range.upperBound else {
                continue
            }
            var digest = RangeDigest()
            batch.bytes.withUnsafeReadableBytes { digest.add(batch.header, $0) }
            found.append((batch.header, digest))
        }
        return found
    }

    /// The batches in which a range of offsets is.
    func bytes(_ range: Range<Offset>) throws -> ByteBuffer {
        var all = ByteBuffer()
        var offset = max(range.lowerBound, logStartOffset)
        while offset < range.upperBound {
            guard
                case .slice(let slice) = try read(
                    from: offset, maxBytes: 1 << 20, minOneBatch: true, upTo: range.upperBound),
                let range = slice.range
            else { break }
            all.append(.inFile(range))
            offset = slice.nextOffset
        }
        return all
    }
}
