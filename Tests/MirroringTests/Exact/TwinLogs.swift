import ClusterModel
import Mirroring
import NIOCore
import Records

/// A batch as a log holds it, without looking into its bytes.
struct TwinBatch: Equatable {
    var range: Range<Offset>
    var epoch: LeaderEpoch
    /// Tells it from every other batch that was ever written.
    var identity: Int64

    /// As it stands in the log: the identity is its records' time.
    var bytes: ByteBuffer {
        var builder = RecordBatchBuilder()
        builder.baseOffset = range.lowerBound
        builder.leaderEpoch = epoch
        for _ in range { builder.append(timestamp: identity, key: nil as ByteBuffer?, value: nil) }
        return builder.finish()
    }

    init(range: Range<Offset>, epoch: LeaderEpoch, identity: Int64) {
        self.range = range
        self.epoch = epoch
        self.identity = identity
    }

    init(_ header: RecordBatchHeader) {
        self.init(
            range: header.baseOffset..<header.nextOffset, epoch: header.leaderEpoch, identity: header.baseTimestamp)
    }

    static func == (left: TwinBatch, right: TwinBatch) -> Bool {
        left.range == right.range && left.identity == right.identity
    }
}

/// A source's partition, as simple as can be.
struct TwinSource {
    var id: UInt64 = 1
    var start: Offset = 0
    var end: Offset = 0
    var highWatermark: Offset = 0
    var epoch: LeaderEpoch = 0
    var batches: [TwinBatch] = []
    private var written: Int64 = 0

    mutating func append(_ count: Offset) {
        written += 1
        batches.append(TwinBatch(range: end..<end + count, epoch: epoch, identity: written))
        end += count
    }

    /// A compaction that takes whole batches, never the last.
    mutating func compact(_ index: Int) { if index < batches.count - 1 { batches.remove(at: index) } }

    mutating func delete(before offset: Offset) {
        start = max(start, min(offset, highWatermark))
        batches.removeAll { $0.range.upperBound <= start }
    }

    /// Elects a leader that has the first `count` batches only.
    mutating func elect(keeping count: Int) {
        epoch += 1
        guard count < batches.count else { return }
        end = max(start, batches[count].range.lowerBound)
        batches.removeSubrange(count...)
        highWatermark = min(highWatermark, end)
    }

    mutating func makeAnew() {
        id += 1
        (start, end, highWatermark, batches) = (0, 0, 0, [])
        epoch = 0
    }

    /// What one fetch gives; nil is OFFSET_OUT_OF_RANGE or FENCED_LEADER_EPOCH.
    func fetch(_ offset: Offset, epoch asked: LeaderEpoch, most: Int) -> ByteBuffer? {
        guard offset >= start, offset <= end, asked == epoch else { return nil }
        var bytes = ByteBuffer()
        for batch in batches.filter({ $0.range.upperBound > offset && $0.range.upperBound <= highWatermark })
            .prefix(most)
        { bytes.writeImmutableBuffer(batch.bytes) }
        return bytes
    }

    /// Where an epoch ends (KIP-101).
    func end(of asked: LeaderEpoch) -> Offset { batches.first { $0.epoch > asked }?.range.lowerBound ?? end }
}

/// A mirror topic's partition with the rules of MirrorAppend.
struct TwinTarget {
    var id: UInt64 = 1
    var start: Offset = 0
    var end: Offset = 0
    /// Follows the end one append behind, or when it is told to.
    var highWatermark: Offset = 0
    var batches: [TwinBatch] = []

    var told: ExactPartition.Told {
        ExactPartition.Told(logStart: start, end: end, highWatermark: highWatermark)
    }

    mutating func commit() { highWatermark = end }

    /// Whether it was taken.
    mutating func append(_ append: ExactPartition.Append) throws -> Bool {
        guard append.expectedEnd == end else { return false }
        let isEmpty = start == end
        guard append.logStart <= end || isEmpty else { return false }
        commit()
        if append.logStart > end { (start, end) = (append.logStart, append.logStart) }
        if let records = append.records {
            var read = RecordBatches(records)
            while let batch = try read.next() {
                guard batch.header.baseOffset >= end else { return false }
                batches.append(TwinBatch(batch.header))
                end = batch.header.nextOffset
            }
            guard read.position == records.readableBytes else { return false }
        }
        start = max(start, append.logStart)
        batches.removeAll { $0.range.upperBound <= start }
        return true
    }
}
