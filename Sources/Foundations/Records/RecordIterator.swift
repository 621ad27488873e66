import ClusterModel
import NIOCore
import WireCoding

/// The records of one batch of any format and codec, decoded one after another.
///
/// The batch's CRC is not checked here (``RecordBatch/checkCRC()``).
package struct RecordIterator: Sendable {
    private let header: RecordBatchHeader
    /// The encoded records that are still to come.
    private var rest: ByteBuffer
    /// How many were returned.
    private var index = 0
    /// The records of a batch of magic 0 or 1.
    private let messages: [Record]?

    /// - Parameter limit: the decompressed records' largest size in bytes.
    /// - Throws: `.unknownCodec`, `.corruptCompression`, `.tooLarge`; `.truncated`; `.malformedRecord` for old formats.
    package init(
        _ batch: RecordBatch, limit: Int = CompressionCodec.defaultLimitInBytes
    ) throws(InvalidRecords) {
        header = batch.header
        guard header.magic == 2 else {
            messages = try OldMessages.decode(batch, limit: limit)
            rest = ByteBuffer()
            return
        }
        messages = nil
        rest = try batch.encodedRecords(limit: limit)
    }

    /// The next record; nil after the last that the header announces.
    /// - Throws: `.malformedRecord` when the bytes are no record, or when some are left after the last.
    package mutating func next() throws(InvalidRecords) -> Record? {
        if let messages {
            guard index < messages.count else { return nil }
            index += 1
            return messages[index - 1]
        }
        guard index < header.recordCount else {
            guard rest.readableBytes == 0 else { throw .malformedRecord(index: index) }
            return nil
        }
        let record: Record
        let size: Int
        do {
            (record, size) = try WireReader.read(rest) { reader throws(MalformedInput) in
                (try Record(reading: &reader, in: header), reader.position)
            }
        } catch {
            throw .malformedRecord(index: index)
        }
        rest.moveReaderIndex(forwardBy: size)
        index += 1
        return record
    }
}

extension RecordBatch {
    /// What follows the header of a batch of magic 2, decompressed.
    func encodedRecords(limit: Int) throws(InvalidRecords) -> ByteBuffer {
        guard let codec = header.attributes.codec else { throw .unknownCodec(header.attributes.codecBits) }
        let size = header.sizeInBytes - RecordBatchHeader.sizeInBytes
        let start = bytes.readerIndex + RecordBatchHeader.sizeInBytes
        guard let body = bytes.getSlice(at: start, length: size) else {
            throw .truncated(needed: header.sizeInBytes, available: bytes.readableBytes)
        }
        return try codec.decompress(body, limit: limit)
    }

    /// All records of the batch.
    package func records(limit: Int = CompressionCodec.defaultLimitInBytes) throws(InvalidRecords) -> [Record] {
        var iterator = try RecordIterator(self, limit: limit)
        var records: [Record] = []
        while let record = try iterator.next() { records.append(record) }
        return records
    }
}

extension Record {
    /// Reads a record of magic 2, which stands in a batch with this header.
    fileprivate init(reading reader: inout WireReader, in header: RecordBatchHeader) throws(MalformedInput) {
        let size = Int(try reader.varint())
        let end = reader.position + size
        guard size >= 0, size <= reader.remaining else { throw MalformedInput(.truncated, at: reader.position) }
        _ = try reader.int8()
        let timestampDelta = try reader.varlong()
        let isStampedByBroker = header.attributes.timestampType == .logAppendTime
        timestamp = isStampedByBroker ? header.maxTimestamp : header.baseTimestamp &+ timestampDelta
        offset = header.baseOffset &+ Offset(try reader.varint())
        key = try reader.varintBytes()
        value = try reader.varintBytes()
        let count = Int(try reader.varint())
        // A header takes two bytes at least.
        guard count >= 0, count <= (end - reader.position) / 2 else {
            throw MalformedInput(.tooManyElements, at: reader.position)
        }
        headers = []
        if count > 0 {
            headers.reserveCapacity(count)
            for _ in 0..<count {
                let name = try reader.text(Int(try reader.varint()))
                headers.append(RecordHeader(name: name, value: try reader.varintBytes()))
            }
        }
        guard reader.position == end else { throw MalformedInput(.trailingBytes, at: reader.position) }
    }
}

extension WireReader {
    /// Bytes after their length as a varint; -1 is null.
    fileprivate mutating func varintBytes() throws(MalformedInput) -> ByteBuffer? {
        let count = Int(try varint())
        return count == -1 ? nil : try slice(count)
    }
}
