import NIOCore

/// One batch: its header as values and all its bytes, which share the storage of the buffer it was found in.
package struct RecordBatch: Sendable {
    package var header: RecordBatchHeader
    /// The whole batch, header included.
    package var bytes: ByteBuffer

    package init(header: RecordBatchHeader, bytes: ByteBuffer) {
        self.header = header
        self.bytes = bytes
    }

    /// The first batch of `buffer`, whose readable bytes may go on after it.
    /// - Throws: `.truncated` when it is not all there, and what the header's reading throws.
    package init(reading buffer: ByteBuffer) throws(InvalidRecords) {
        header = try buffer.batchHeader(at: 0)
        guard let bytes = buffer.getSlice(at: buffer.readerIndex, length: header.sizeInBytes) else {
            throw .truncated(needed: header.sizeInBytes, available: buffer.readableBytes)
        }
        self.bytes = bytes
    }

    /// Checks the stored CRC against the bytes.
    package func checkCRC() throws(InvalidRecords) {
        try bytes.withBytes { raw throws(InvalidRecords) in try header.checkCRC(of: raw) }
    }
}

/// Steps over the batches of a buffer, reading their headers only and allocating nothing.
///
/// A batch that the buffer's end cuts off ends the sequence: a fetch reply may end so (`position` tells where).
package struct RecordBatches: Sendable {
    package let buffer: ByteBuffer
    /// Bytes stepped over, from the first readable byte of the buffer.
    package private(set) var position = 0

    package init(_ buffer: ByteBuffer) { self.buffer = buffer }

    /// The next batch; nil at the end, or when the rest is less than a batch.
    /// - Throws: when what stands here is no batch. Nothing can be found after it.
    package mutating func next() throws(InvalidRecords) -> RecordBatch? {
        let start = buffer.readerIndex + position
        guard let header = try nextHeader(),
            let bytes = buffer.getSlice(at: start, length: header.sizeInBytes)
        else { return nil }
        return RecordBatch(header: header, bytes: bytes)
    }

    /// The next batch's header, for who needs no more of it; see ``next()``.
    package mutating func nextHeader() throws(InvalidRecords) -> RecordBatchHeader? {
        let available = buffer.readableBytes - position
        let header: RecordBatchHeader
        do throws(InvalidRecords) {
            header = try buffer.batchHeader(at: position)
        } catch .truncated {
            return nil
        }
        guard header.sizeInBytes <= available else { return nil }
        position += header.sizeInBytes
        return header
    }
}

extension ByteBuffer {
    /// The header `position` bytes after the first readable byte.
    fileprivate func batchHeader(at position: Int) throws(InvalidRecords) -> RecordBatchHeader {
        try withBytes { raw throws(InvalidRecords) in
            try RecordBatchHeader(reading: UnsafeRawBufferPointer(rebasing: raw[position...]))
        }
    }

    /// `withUnsafeReadableBytes` with a typed error.
    func withBytes<Value>(
        _ body: (UnsafeRawBufferPointer) throws(InvalidRecords) -> Value
    ) throws(InvalidRecords) -> Value {
        let result: Result<Value, InvalidRecords> = withUnsafeReadableBytes { raw in
            do throws(InvalidRecords) {
                return .success(try body(raw))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
