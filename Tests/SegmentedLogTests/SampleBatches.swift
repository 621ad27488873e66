import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog
import Simulation
import WireCoding

/// Moments of a test: milliseconds after the first, by both clocks.
func moment(_ milliseconds: Int64 = 0) -> Instant {
    Instant(nanoseconds: milliseconds * 1_000_000, unixMilliseconds: 1_700_000_000_000 + milliseconds)
}

/// A batch of magic 2 as a producer sends it: one record a value.
func batch(
    _ values: [String], keys: Bool = true, codec: CompressionCodec = .none, from timestamp: Int64 = 1_700_000_000_000,
    producer: ProducerID = -1, epoch: Int16 = -1, sequence: Int32 = -1, isTransactional: Bool = false
) -> ByteBuffer {
    var builder = RecordBatchBuilder(
        attributes: BatchAttributes(codec: codec, isTransactional: isTransactional))
    builder.producerID = producer
    builder.producerEpoch = epoch
    builder.baseSequence = sequence
    for (place, value) in values.enumerated() {
        builder.append(
            timestamp: timestamp + Int64(place), key: keys ? ByteBuffer(string: "k") : nil,
            value: ByteBuffer(string: value))
    }
    return builder.finish()
}

/// The marker that ends a transaction.
func marker(producer: ProducerID, epoch: Int16, isCommit: Bool, coordinatorEpoch: Int32 = 0) -> ByteBuffer {
    var builder = RecordBatchBuilder(attributes: BatchAttributes(isTransactional: true, isControl: true))
    builder.producerID = producer
    builder.producerEpoch = epoch
    let (key, value) = ControlRecord.endTransactionMarker(isCommit: isCommit, coordinatorEpoch: coordinatorEpoch)
    builder.append(timestamp: 1_700_000_000_000, key: key, value: value)
    return builder.finish()
}

/// Of batches one after another.
func joined(_ batches: ByteBuffer...) -> ByteBuffer {
    var all = ByteBuffer()
    for var batch in batches { all.writeBuffer(&batch) }
    return all
}

/// Settings with small segments.
func settings(segment: Int = 1 << 30, _ change: (inout LogSettings) -> Void = { _ in }) -> LogSettings {
    var settings = LogSettings()
    settings.segmentSizeInBytes = segment
    change(&settings)
    return settings
}

func opened(
    _ disk: any FileSystem, _ settings: LogSettings = LogSettings(), _ checkpoint: LogCheckpoint = LogCheckpoint(),
    at now: Instant = moment()
) throws -> PartitionLog {
    try PartitionLog.open(
        directory: "/data/t-0", fileSystem: disk, settings: settings, checkpoint: checkpoint, at: now)
}

extension PartitionLog {
    /// Appends as the leader of epoch 0 does for a producer.
    @discardableResult
    func append(_ batches: ByteBuffer, epoch: LeaderEpoch = 0, at now: Instant = moment()) throws -> AppendOutcome {
        try append(batches, leaderEpoch: epoch, origin: .client, inspector: RecordInspector(), at: now)
    }

    /// The values of all records from `offset` on, with their offsets, read slice by slice.
    func values(
        from offset: Offset, maxBytes: Int = 1 << 20, upTo bound: Offset = .max
    ) throws -> [(offset: Offset, value: String)] {
        var next = offset
        var values: [(offset: Offset, value: String)] = []
        while case .slice(let slice) = try read(from: next, maxBytes: maxBytes, minOneBatch: true, upTo: bound),
            let range = slice.range
        {
            var batches = RecordBatches(try range.bytes())
            while let batch = try batches.next() {
                try batch.checkCRC()
                for record in try batch.records() where record.offset >= next {
                    values.append((record.offset, String(buffer: record.value ?? ByteBuffer())))
                }
            }
            guard slice.nextOffset > next else { break }
            next = slice.nextOffset
        }
        return values
    }
}

extension PartitionLog {
    /// The value of the record at `offset`, read without what follows its batch.
    func firstValue(from offset: Offset) throws -> String? {
        guard case .slice(let slice) = try read(from: offset, maxBytes: 1, minOneBatch: true, upTo: .max),
            let range = slice.range
        else { return nil }
        let record = try RecordBatch(reading: range.bytes()).records().first { $0.offset == offset }
        return record?.value.map { String(buffer: $0) }
    }
}

extension FileRange {
    func bytes() throws -> ByteBuffer {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: position) }
        return ByteBuffer(bytes: bytes[..<got])
    }
}

extension AppendOutcome {
    /// Where the records stand; nil when they were refused or repeated.
    var appended: AppendedRange? { if case .appended(let range) = self { range } else { nil } }
    var refusal: AppendRefusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}
