import NIOCore
import Seams
import WireCoding

/// Reads a log file batch by batch, and tells a torn end from damage.
///
/// A batch is written only after the one before has been synced. So a batch that makes no sense with none behind it
/// never was acknowledged (the crash tore it), but one with a sound batch behind it was once synced: damage.
struct LogFileReader {
    private let file: any File
    private let size: Int
    private let firstZxid: Int64
    /// Where the next batch starts.
    private(set) var position = StorageFileHeader.size
    private(set) var lastZxid: Int64
    /// The batch before, as it stands in the file; nil before the first.
    private var lastBatch: ByteBuffer?

    /// - Parameter firstZxid: of the file's first entry, as its name says.
    init(_ file: any File, firstZxid: Int64) throws(FileSystemError) {
        self.file = file
        self.firstZxid = firstZxid
        lastZxid = firstZxid - 1
        size = try file.size()
    }

    /// The next batch's header and entries; nil at the end of what makes sense.
    mutating func next() throws(StorageFailure) -> (header: LogBatch.Header, entries: [LogEntry])? {
        guard let (header, batch) = try batch(at: position) else { return nil }
        guard let payload = batch.getSlice(at: LogBatch.headerSize, length: header.payloadSize) else { return nil }
        let entries: [LogEntry]
        do {
            entries = try LogBatch.entries(of: payload)
        } catch {
            throw damage("a batch whose checksum is right cannot be read (\(error))")
        }
        let isFirst = position == StorageFileHeader.size
        guard isFirst ? entries.first?.zxid == firstZxid : header.previousZxid == lastZxid else {
            throw damage("a batch that does not continue what is before it")
        }
        position += batch.readableBytes
        lastZxid = header.lastZxid
        lastBatch = batch
        return (header, entries)
    }

    /// Makes durable what was read. The last batch is written once more: its sync may have failed, and after that no
    /// other sync would write it (Linux takes such pages for clean), though every reader sees it.
    func makeDurable() throws(FileSystemError) {
        if let lastBatch { try file.write(lastBatch, at: position - lastBatch.readableBytes) }
        try file.synchronize()
    }

    /// Whether anything but zeros follows, and a sound batch among it.
    func whatFollows() throws(StorageFailure) -> (isTorn: Bool, holdsBatch: Bool) {
        let windowSize = 1 << 20
        var isTorn = false
        var start = position
        while start < size {
            let window = try onDisk { () throws(FileSystemError) in
                try file.bytes(at: start, count: windowSize + LogBatch.headerSize)
            }
            let places = window.withUnsafeReadableBytes { bytes in
                if !isTorn { isTorn = bytes.contains { $0 != 0 } }
                return isTorn ? candidates(in: bytes, upTo: windowSize) : []
            }
            for place in places where try batch(at: start + place) != nil { return (true, true) }
            start += windowSize
        }
        return (isTorn, false)
    }

    func damage(_ cause: String) -> StorageFailure {
        .damaged(file: file.path, position: position, cause: cause)
    }

    /// The places in `bytes` where a header of a later batch may stand.
    private func candidates(in bytes: UnsafeRawBufferPointer, upTo end: Int) -> [Int] {
        var places: [Int] = []
        var place = 0
        while place < min(end, bytes.count - LogBatch.headerSize) {
            if bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) == 0 {
                // A length of four bytes is not 0 only from the fifth of these zeros on.
                place += 5
                continue
            }
            let rest = UnsafeRawBufferPointer(rebasing: bytes[place...])
            if let header = LogBatch.Header(rest), header.previousZxid >= lastZxid,
                header.lastZxid - lastZxid < 1 << 40
            {
                places.append(place)
            }
            place += 1
        }
        return places
    }

    /// The batch that starts at `place`, header and payload; nil when none does.
    private func batch(at place: Int) throws(StorageFailure) -> (LogBatch.Header, ByteBuffer)? {
        try onDisk { () throws(FileSystemError) -> (LogBatch.Header, ByteBuffer)? in
            let head = try file.bytes(at: place, count: LogBatch.headerSize)
            guard let header = head.withUnsafeReadableBytes({ LogBatch.Header($0) }) else { return nil }
            let wholeSize = LogBatch.headerSize + header.payloadSize
            guard wholeSize <= size - place else { return nil }
            let whole = try file.bytes(at: place, count: wholeSize)
            let crc = whole.withUnsafeReadableBytes { bytes in
                crc32c(UnsafeRawBufferPointer(rebasing: bytes[LogBatch.checkedFrom...]))
            }
            return crc == header.crc ? (header, whole) : nil
        }
    }
}
