import ClusterModel
import NIOCore
import WireCoding

/// Messages of magic 0 and 1: one message is one record, or wraps a compressed set of messages of the same magic.
enum OldMessages {
    /// The records of one outer message, in order.
    ///
    /// Inside a wrapper of magic 1 offsets are relative, and the wrapper's is that of the last record (KIP-31); inside
    /// one of magic 0 they are absolute. A wrapper stamped by the broker stamps all its records (KIP-32).
    static func decode(_ outer: RecordBatch, limit: Int) throws(InvalidRecords) -> [Record] {
        let header = outer.header
        let wrapper = try message(outer, index: 0)
        guard header.attributes.codecBits != 0 else { return [wrapper] }
        guard let codec = header.attributes.codec else { throw .unknownCodec(header.attributes.codecBits) }
        guard let compressed = wrapper.value else { throw .malformedRecord(index: 0) }
        var inner = RecordBatches(try codec.decompress(compressed, limit: limit, isOldFormat: true))
        var records: [Record] = []
        while let batch = try inner.next() {
            guard batch.header.magic == header.magic, batch.header.attributes.codecBits == 0 else {
                throw .malformedRecord(index: records.count)
            }
            try batch.checkCRC()
            records.append(try message(batch, index: records.count))
        }
        guard let last = records.last, inner.position == inner.buffer.readableBytes else {
            throw .malformedRecord(index: records.count)
        }
        guard header.magic == 1 else { return records }
        let base = header.baseOffset &- last.offset
        for index in records.indices {
            records[index].offset &+= base
            if header.attributes.timestampType == .logAppendTime { records[index].timestamp = header.maxTimestamp }
        }
        return records
    }

    /// The message itself as a record, its value compressed or not.
    private static func message(_ batch: RecordBatch, index: Int) throws(InvalidRecords) -> Record {
        let header = batch.header
        guard batch.bytes.readableBytes >= header.sizeInBytes else {
            throw .truncated(needed: header.sizeInBytes, available: batch.bytes.readableBytes)
        }
        do {
            return try WireReader.read(batch.bytes) { reader throws(MalformedInput) in
                try reader.skip(header.magic == 1 ? 26 : 18)
                let key = try reader.int32Bytes()
                let value = try reader.int32Bytes()
                guard reader.position == header.sizeInBytes else {
                    throw MalformedInput(.trailingBytes, at: reader.position)
                }
                return Record(offset: header.baseOffset, timestamp: header.maxTimestamp, key: key, value: value)
            }
        } catch {
            throw .malformedRecord(index: index)
        }
    }
}

extension WireReader {
    /// Bytes after their length in four bytes; -1 is null.
    fileprivate mutating func int32Bytes() throws(MalformedInput) -> ByteBuffer? {
        let count = Int(try int32())
        return count == -1 ? nil : try slice(count)
    }
}
