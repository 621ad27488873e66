import NIOCore
import Records
import Seams

/// Reads batch after batch of a log file through a window of memory that moves along.
package struct BatchScanner: ~Copyable {
    package enum Found {
        case batch(RecordBatchHeader)
        /// The file ends here.
        case end
        /// No batch stands here, or only part of one.
        case unsound(InvalidRecords)
    }

    private let file: any File
    /// Where the file ends, in bytes.
    private let end: Int
    /// Where the next batch begins, in bytes.
    package private(set) var position: Int
    private var window: UnsafeMutableRawBufferPointer
    private var windowStart = 0
    private var windowCount = 0

    /// - Parameter windowSizeInBytes: what one read brings; larger batches enlarge the window when asked for whole.
    package init(_ file: any File, from position: Int, to end: Int, windowSizeInBytes: Int) {
        self.file = file
        self.position = position
        self.end = end
        let size = max(RecordBatchHeader.sizeInBytes, min(windowSizeInBytes, end - position))
        window = .allocate(byteCount: size, alignment: 16)
    }

    deinit { window.deallocate() }

    /// The bytes from the position on: `count`, or fewer at the end.
    private mutating func bytes(_ count: Int) throws(FileSystemError) -> UnsafeRawBufferPointer {
        let wanted = min(count, end - position)
        if position < windowStart || position + wanted > windowStart + windowCount {
            if wanted > window.count {
                window.deallocate()
                window = .allocate(byteCount: wanted, alignment: 16)
            }
            let target = UnsafeMutableRawBufferPointer(rebasing: window[..<min(window.count, end - position)])
            windowStart = position
            windowCount = try file.read(into: target, at: position)
        }
        let start = position - windowStart
        return UnsafeRawBufferPointer(rebasing: window[start..<min(start + wanted, windowCount)])
    }

    /// The header of the batch at the position.
    package mutating func header() throws(FileSystemError) -> Found {
        guard position < end else { return .end }
        let bytes = try bytes(RecordBatchHeader.sizeInBytes)
        do throws(InvalidRecords) {
            let header = try RecordBatchHeader(reading: bytes)
            guard header.sizeInBytes <= end - position else {
                return .unsound(.truncated(needed: header.sizeInBytes, available: end - position))
            }
            return .batch(header)
        } catch {
            return .unsound(error)
        }
    }

    /// All bytes of the batch at the position, which has this header; valid until the next call.
    package mutating func wholeBatch(_ header: RecordBatchHeader) throws(FileSystemError) -> UnsafeRawBufferPointer {
        try bytes(header.sizeInBytes)
    }

    /// Reads the batch at the position whole, checks it against its CRC, and steps over it; nil at the file's end.
    mutating func batch() throws(FileSystemError) -> Result<RecordBatch?, InvalidRecords> {
        let header: RecordBatchHeader
        switch try self.header() {
        case .end: return .success(nil)
        case .unsound(let reason): return .failure(reason)
        case .batch(let found): header = found
        }
        let batch = RecordBatch(header: header, bytes: ByteBuffer(bytes: try wholeBatch(header)))
        step(over: header)
        do throws(InvalidRecords) {
            try batch.checkCRC()
            return .success(batch)
        } catch {
            return .failure(error)
        }
    }

    package mutating func step(over header: RecordBatchHeader) { position += header.sizeInBytes }
}
