import ClusterModel
import NIOCore
import WireCoding

/// Writes records into one batch of magic 2.
///
/// Records go straight into the buffer that becomes the batch; only a codec makes a second one. The builder can be
/// used again after ``finish()``.
package struct RecordBatchBuilder: Sendable {
    /// Written into the next batch's header as they stand when it is finished.
    package var baseOffset: Offset = 0
    package var leaderEpoch: LeaderEpoch = -1
    package var attributes: BatchAttributes
    package var producerID: ProducerID = -1
    package var producerEpoch: Int16 = -1
    package var baseSequence: Int32 = -1
    /// The codec's level; nil for its default.
    package var level: Int?

    private var buffer = ByteBuffer()
    private var baseTimestamp: Int64 = -1
    private var maxTimestamp: Int64 = -1
    private var lastOffsetDelta: Int32 = -1
    /// Records appended since the last batch was finished.
    package private(set) var count: Int32 = 0

    package init(attributes: BatchAttributes = BatchAttributes(), level: Int? = nil) {
        self.attributes = attributes
        self.level = level
    }

    package init(codec: CompressionCodec, level: Int? = nil) {
        self.init(attributes: BatchAttributes(codec: codec), level: level)
    }

    package var isEmpty: Bool { count == 0 }

    /// The batch's size in bytes as it stands, before compression.
    package var sizeInBytes: Int { max(buffer.readableBytes, RecordBatchHeader.sizeInBytes) }

    /// Appends one record.
    /// - Parameters:
    ///   - timestamp: in milliseconds since 1970.
    ///   - offsetDelta: how far from the base offset; nil is next to the record before, and offsets must rise.
    package mutating func append(
        timestamp: Int64, key: ByteBuffer?, value: ByteBuffer?, headers: [RecordHeader] = [],
        offsetDelta: Int32? = nil
    ) {
        withBytes(of: key) { key in
            withBytes(of: value) { value in
                append(timestamp: timestamp, key: key, value: value, headers: headers, offsetDelta: offsetDelta)
            }
        }
    }

    /// Appends one record whose key and value lie in memory; they are copied.
    package mutating func append(
        timestamp: Int64, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, headers: [RecordHeader] = [],
        offsetDelta: Int32? = nil
    ) {
        if count == 0 { begin(timestamp: timestamp) }
        let offsetDelta = offsetDelta ?? lastOffsetDelta + 1
        precondition(offsetDelta > lastOffsetDelta, "offset delta \(offsetDelta) after \(lastOffsetDelta)")
        let timestampDelta = timestamp &- baseTimestamp
        var size = 1 + varintSize(timestampDelta) + varintSize(Int64(offsetDelta))
        size += varintSize(Int64(key?.count ?? -1)) + (key?.count ?? 0)
        size += varintSize(Int64(value?.count ?? -1)) + (value?.count ?? 0)
        size += varintSize(Int64(headers.count))
        for header in headers {
            let name = header.name.utf8.count
            size += varintSize(Int64(name)) + name
            size += varintSize(Int64(header.value?.readableBytes ?? -1)) + (header.value?.readableBytes ?? 0)
        }
        let whole = varintSize(Int64(size)) + size
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: whole) { target in
            var cursor = RecordCursor(target: target)
            cursor.varint(Int64(size))
            cursor.byte(0)
            cursor.varint(timestampDelta)
            cursor.varint(Int64(offsetDelta))
            cursor.bytes(key)
            cursor.bytes(value)
            cursor.varint(Int64(headers.count))
            for header in headers {
                var name = header.name
                name.withUTF8 { cursor.bytes(UnsafeRawBufferPointer($0)) }
                withBytes(of: header.value) { cursor.bytes($0) }
            }
            precondition(cursor.position == whole, "a record of \(whole) bytes took \(cursor.position)")
            return whole
        }
        maxTimestamp = max(maxTimestamp, timestamp)
        lastOffsetDelta = offsetDelta
        count += 1
    }

    private mutating func begin(timestamp: Int64) {
        // A batch that was handed out may still share the storage; clearing then takes new storage.
        buffer.clear()
        buffer.writeRepeatingByte(0, count: RecordBatchHeader.sizeInBytes)
        baseTimestamp = timestamp
    }

    /// The batch, with its CRC; the builder is empty afterwards.
    package mutating func finish() -> ByteBuffer {
        precondition(count > 0, "a batch without records")
        var batch = buffer
        if let codec = attributes.codec, codec != .none {
            batch = ByteBuffer()
            batch.reserveCapacity(buffer.readableBytes / 2 + 128)
            batch.writeRepeatingByte(0, count: RecordBatchHeader.sizeInBytes)
            buffer.withUnsafeReadableBytes { raw in
                let records = UnsafeRawBufferPointer(rebasing: raw[RecordBatchHeader.sizeInBytes...])
                codec.compress(records, level: level, into: &batch)
            }
        } else {
            // Lets go of the storage, so that writing the header needs no copy.
            buffer = ByteBuffer()
        }
        let header = RecordBatchHeader(
            baseOffset: baseOffset, batchLength: Int32(batch.readableBytes - RecordBatchHeader.overheadInBytes),
            leaderEpoch: leaderEpoch, attributes: attributes, lastOffsetDelta: lastOffsetDelta,
            baseTimestamp: baseTimestamp,
            maxTimestamp: maxTimestamp, producerID: producerID, producerEpoch: producerEpoch,
            baseSequence: baseSequence, recordCount: count)
        batch.withUnsafeMutableReadableBytes { raw in
            header.write(to: raw)
            BatchRewriting.renewCRC(of: raw)
        }
        count = 0
        lastOffsetDelta = -1
        maxTimestamp = -1
        return batch
    }
}

/// Writes a record's fields into memory whose size was computed before.
private struct RecordCursor {
    let target: UnsafeMutableRawBufferPointer
    var position = 0

    mutating func byte(_ value: UInt8) {
        target[position] = value
        position += 1
    }

    /// Zigzag-coded; 32 and 64 bits have the same form.
    mutating func varint(_ value: Int64) {
        var rest = zigzag(value)
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(rest))
    }

    /// Bytes after their length; nil is null.
    mutating func bytes(_ bytes: UnsafeRawBufferPointer?) {
        guard let bytes else { return varint(-1) }
        varint(Int64(bytes.count))
        UnsafeMutableRawBufferPointer(rebasing: target[position...]).copyMemory(from: bytes)
        position += bytes.count
    }
}

func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

/// The bytes of a zigzag-coded variable-length integer.
func varintSize(_ value: Int64) -> Int {
    (70 - (zigzag(value) | 1).leadingZeroBitCount) / 7
}

/// Gives `body` the bytes of a buffer that may be null.
private func withBytes(of buffer: ByteBuffer?, _ body: (UnsafeRawBufferPointer?) -> Void) {
    guard let buffer else { return body(nil) }
    buffer.withUnsafeReadableBytes { body($0) }
}
