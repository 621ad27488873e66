import ClusterModel
import NIOCore
import WireCoding

/// Turns batches of one format into another, for producers and consumers older than magic 2 (KIP-98).
package enum FormatConversion {
    /// Whether the first batch is of magic 0 or 1. Bytes too few to tell are not.
    package static func isOld(_ batches: ByteBuffer) -> Bool {
        guard let magic = batches.getInteger(at: batches.readerIndex + 16, as: Int8.self) else { return false }
        return magic == 0 || magic == 1
    }

    /// Messages of magic 0 and 1 as one batch of magic 2, in the codec of the first of them, with offsets from 0 on.
    /// - Throws: what is wrong with the messages, also when anything but whole messages of these formats is there.
    package static func upgraded(_ messages: ByteBuffer) throws(InvalidRecords) -> ByteBuffer {
        var outer = RecordBatches(messages)
        var builder = RecordBatchBuilder()
        while let message = try outer.next() {
            guard message.header.magic < 2 else { throw .unknownMagic(message.header.magic) }
            try message.checkCRC()
            if builder.isEmpty {
                guard let codec = message.header.attributes.codec else {
                    throw .unknownCodec(message.header.attributes.codecBits)
                }
                builder.attributes = BatchAttributes(
                    codec: codec, timestampType: message.header.attributes.timestampType)
            }
            for record in try message.records() {
                builder.append(timestamp: record.timestamp, key: record.key, value: record.value)
            }
        }
        guard outer.position == messages.readableBytes, !builder.isEmpty else {
            throw .truncated(needed: outer.position + 1, available: messages.readableBytes)
        }
        return builder.finish()
    }

    /// Batches of any format as messages of `magic` 0 or 1; markers and what those formats have no place for are left
    /// out.
    /// - Throws: `.unknownCodec` for zstd, which they do not have; what is wrong with the batches.
    package static func downgraded(_ batches: ByteBuffer, to magic: Int8) throws(InvalidRecords) -> ByteBuffer {
        var all = RecordBatches(batches)
        var messages = ByteBuffer()
        while let batch = try all.next() {
            if batch.header.attributes.isControl { continue }
            if batch.header.magic <= magic {
                messages.writeImmutableBuffer(batch.bytes)
            } else {
                try downgrade(batch, to: magic, into: &messages)
            }
        }
        return messages
    }

    private static func downgrade(
        _ batch: RecordBatch, to magic: Int8, into messages: inout ByteBuffer
    ) throws(InvalidRecords) {
        guard let codec = batch.header.attributes.codec, codec != .zstd else {
            throw .unknownCodec(batch.header.attributes.codecBits)
        }
        let records = try batch.records()
        guard let first = records.first, let last = records.last else { return }
        let type = batch.header.attributes.timestampType
        // Inside a compressed message of magic 1 offsets are relative (KIP-31).
        let base = codec == .none || magic == 0 ? 0 : first.offset
        var inner = ByteBuffer()
        for record in records {
            var plain = record
            plain.offset -= base
            inner.write(plain, magic: magic, BatchAttributes(timestampType: type))
        }
        guard codec != .none else {
            messages.writeImmutableBuffer(inner)
            return
        }
        var compressed = ByteBuffer()
        inner.withUnsafeReadableBytes { codec.compress($0, into: &compressed, isMagic0: magic == 0) }
        let wrapper = Record(offset: last.offset, timestamp: batch.header.maxTimestamp, key: nil, value: compressed)
        messages.write(wrapper, magic: magic, BatchAttributes(codec: codec, timestampType: type))
    }
}

extension ByteBuffer {
    /// Writes a record as one message.
    fileprivate mutating func write(_ record: Record, magic: Int8, _ attributes: BatchAttributes) {
        let start = writerIndex
        writeInteger(record.offset)
        writeInteger(Int32(0))
        writeInteger(UInt32(0))
        writeInteger(magic)
        // Magic 0 has no timestamps and nobody who stamped.
        writeInteger(magic == 0 ? attributes.codecBits : UInt8(truncatingIfNeeded: attributes.bits))
        if magic == 1 { writeInteger(record.timestamp) }
        for field in [record.key, record.value] {
            writeInteger(Int32(field?.readableBytes ?? -1))
            if let field { writeImmutableBuffer(field) }
        }
        setInteger(Int32(writerIndex - start - RecordBatchHeader.overheadInBytes), at: start + 8)
        let checksum = withUnsafeReadableBytes { raw in
            crc32(UnsafeRawBufferPointer(rebasing: raw[(start - readerIndex + 16)...]))
        }
        setInteger(checksum, at: start + 12)
    }
}

extension RecordBatch {
    /// A batch of magic 2 with the same records, whose offsets go up one by one from the batch's.
    package func renumbered() throws(InvalidRecords) -> ByteBuffer {
        var builder = RecordBatchBuilder(attributes: header.attributes)
        builder.baseOffset = header.baseOffset
        builder.leaderEpoch = header.leaderEpoch
        builder.producerID = header.producerID
        builder.producerEpoch = header.producerEpoch
        builder.baseSequence = header.baseSequence
        var records = try RecordIterator(self)
        while let record = try records.next() {
            builder.append(timestamp: record.timestamp, key: record.key, value: record.value, headers: record.headers)
        }
        return builder.finish()
    }

    /// A batch of magic 2 with the same records in another codec.
    /// - Parameter level: nil for the codec's default.
    package func recompressed(with codec: CompressionCodec, level: Int?) throws(InvalidRecords) -> ByteBuffer {
        var header = header
        header.attributes.codec = codec
        return header.batch(
            of: try encodedRecords(limit: CompressionCodec.defaultLimitInBytes), level: level)
    }
}
