import ClusterModel
import NIOCore
import WireCoding

/// Takes records out of one batch of magic 2; those that stay keep their bytes, offsets and timestamps, and the batch
/// its producer, sequences and last offset, so that whoever counts on them finds them (KIP-98, KIP-534).
package struct RecordBatchFilter: Sendable {
    /// A record, as far as deciding on it needs.
    package struct Item: Sendable {
        package var offset: Offset
        /// In milliseconds since 1970.
        package var timestamp: Int64
        package var key: ByteBuffer?
        package var hasValue: Bool
        /// The encoded record with its length in front.
        fileprivate var bytes: ByteBuffer
        /// What follows the timestamp in it: how many bytes from the end.
        fileprivate var tailSize: Int
    }

    private let header: RecordBatchHeader
    /// The encoded records that were not looked at yet.
    private var rest: ByteBuffer
    private var index: Int32 = 0
    private var kept: [Item] = []

    /// - Throws: `.unknownCodec`, `.corruptCompression`, `.tooLarge`, `.truncated`.
    package init(_ batch: RecordBatch) throws(InvalidRecords) {
        precondition(batch.header.magic == 2, "filtering a batch of magic \(batch.header.magic)")
        header = batch.header
        rest = try batch.encodedRecords(limit: CompressionCodec.defaultLimitInBytes)
    }

    /// The next record; nil after the last.
    /// - Throws: `.malformedRecord`.
    package mutating func next() throws(InvalidRecords) -> Item? {
        guard index < header.recordCount else {
            guard rest.readableBytes == 0 else { throw .malformedRecord(index: Int(index)) }
            return nil
        }
        let (header, encoded) = (header, rest)
        let item: Item
        do {
            item = try WireReader.read(encoded) { reader throws(MalformedInput) in
                try Item(reading: &reader, of: encoded, in: header)
            }
        } catch {
            throw .malformedRecord(index: Int(index))
        }
        rest.moveReaderIndex(forwardBy: item.bytes.readableBytes)
        index += 1
        return item
    }

    package mutating func keep(_ item: Item) { kept.append(item) }

    package var keptCount: Int { kept.count }
    package var keepsAll: Bool { kept.count == Int(header.recordCount) }
    package var keepsTombstone: Bool { kept.contains { !$0.hasValue } }

    /// The batch with the records that were kept, of which there must be one, compressed as it was.
    /// - Parameter deleteHorizon: from when on its tombstones may go, in milliseconds since 1970; nil leaves it as it is.
    package func batch(deleteHorizon: Int64? = nil) -> ByteBuffer {
        var header = header
        precondition(!kept.isEmpty, "a batch at \(header.baseOffset) of which no record was kept")
        if let deleteHorizon {
            header.attributes.hasDeleteHorizon = true
            header.baseTimestamp = deleteHorizon
        }
        var records = ByteBuffer()
        records.reserveCapacity(kept.reduce(0) { $0 + $1.bytes.readableBytes + 8 })
        var largest: Int64 = -1
        for item in kept {
            largest = max(largest, item.timestamp)
            if deleteHorizon == nil {
                records.writeImmutableBuffer(item.bytes)
            } else {
                item.write(to: &records, baseTimestamp: header.baseTimestamp)
            }
        }
        header.recordCount = Int32(kept.count)
        if header.attributes.timestampType == .createTime { header.maxTimestamp = largest }
        return header.batch(of: records)
    }
}

extension RecordBatchFilter.Item {
    fileprivate init(
        reading reader: inout WireReader, of encoded: ByteBuffer, in header: RecordBatchHeader
    ) throws(MalformedInput) {
        let size = Int(try reader.varint())
        guard size >= 0, size <= reader.remaining else { throw MalformedInput(.truncated, at: reader.position) }
        let end = reader.position + size
        _ = try reader.int8()
        let timestampDelta = try reader.varlong()
        let tail = reader.position
        timestamp =
            header.attributes.timestampType == .logAppendTime
            ? header.maxTimestamp : header.baseTimestamp &+ timestampDelta
        offset = header.baseOffset &+ Offset(try reader.varint())
        let keySize = Int(try reader.varint())
        key = keySize == -1 ? nil : try reader.slice(keySize)
        let valueSize = Int(try reader.varint())
        hasValue = valueSize >= 0
        guard valueSize >= -1, max(0, valueSize) <= end - reader.position,
            let bytes = encoded.getSlice(at: encoded.readerIndex, length: end)
        else { throw MalformedInput(.truncated, at: reader.position) }
        self.bytes = bytes
        tailSize = end - tail
    }

    /// Writes the record for a batch whose base timestamp is another.
    fileprivate func write(to target: inout ByteBuffer, baseTimestamp: Int64) {
        let delta = timestamp &- baseTimestamp
        target.writeVarint(Int64(1 + varintSize(delta) + tailSize))
        target.writeInteger(UInt8(0))
        target.writeVarint(delta)
        target.writeImmutableBuffer(
            bytes.getSlice(at: bytes.writerIndex - tailSize, length: tailSize) ?? ByteBuffer())
    }
}

extension ByteBuffer {
    fileprivate mutating func writeVarint(_ value: Int64) {
        var rest = zigzag(value)
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }
}

extension RecordBatchHeader {
    /// The batch of this header and these encoded records, compressed as its attributes say, with its CRC.
    /// - Parameter level: nil for the codec's default.
    func batch(of records: ByteBuffer, level: Int? = nil) -> ByteBuffer {
        var batch = ByteBuffer()
        batch.reserveCapacity(Self.sizeInBytes + records.readableBytes)
        batch.writeRepeatingByte(0, count: Self.sizeInBytes)
        records.withUnsafeReadableBytes { raw in
            (attributes.codec ?? .none).compress(raw, level: level, into: &batch)
        }
        write(over: &batch)
        return batch
    }

    /// A batch without records in the place of this one, which keeps what is known of its producer: its sequence and its
    /// last offset.
    package func emptied() -> ByteBuffer {
        var header = self
        header.recordCount = 0
        header.baseTimestamp = -1
        header.attributes = BatchAttributes(
            timestampType: attributes.timestampType, isTransactional: attributes.isTransactional,
            isControl: attributes.isControl)
        var batch = ByteBuffer(repeating: 0, count: Self.sizeInBytes)
        header.write(over: &batch)
        return batch
    }

    /// Puts this header, with the length and CRC that `batch` has, over its first bytes.
    private func write(over batch: inout ByteBuffer) {
        var header = self
        header.batchLength = Int32(batch.readableBytes - Self.overheadInBytes)
        batch.withUnsafeMutableReadableBytes { raw in
            header.write(to: raw)
            BatchRewriting.renewCRC(of: raw)
        }
    }
}
