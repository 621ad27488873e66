import NIOCore
import Seams
import WireCoding

/// A snapshot on disk: header, chunks (length, CRC-32C, bytes), and an end mark with the length of all chunks together.
///
/// It is written under another name and renamed when it is complete and durable: one with its own name is whole.
package struct SnapshotWriter {
    private let fileSystem: any FileSystem
    private let directory: String
    private let zxid: Int64
    private let file: any File
    private var position = StorageFileHeader.size
    private var totalSize = 0

    /// - Parameter zxid: of the last change that the snapshot holds.
    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings, zxid: Int64) throws(StorageFailure) {
        self.fileSystem = fileSystem
        self.directory = settings.snapshotDirectory
        self.zxid = zxid
        let path = "\(settings.snapshotDirectory)/\(StorageFileName.partialSnapshot(zxid: zxid).text)"
        file = try onDisk { () throws(FileSystemError) in
            // What an interrupted attempt has left would show behind the end of a shorter one.
            try fileSystem.remove(path)
            let file = try fileSystem.open(path, .createNew)
            try file.write(StorageFileHeader.bytes(.snapshot, zxid: zxid), at: 0)
            return file
        }
    }

    /// Adds a chunk of at least one byte.
    package mutating func append(_ chunk: ByteBuffer) throws(StorageFailure) {
        precondition(chunk.readableBytes > 0, "an empty chunk in the snapshot of zxid \(zxid)")
        var framed = ByteBuffer()
        framed.reserveCapacity(chunk.readableBytes + 8)
        framed.writeInteger(UInt32(chunk.readableBytes))
        framed.writeInteger(chunk.withUnsafeReadableBytes { crc32c($0) })
        framed.writeImmutableBuffer(chunk)
        totalSize += chunk.readableBytes
        try write(framed)
    }

    /// Makes the snapshot durable and gives it its name.
    package mutating func finish() throws(StorageFailure) {
        try write(SnapshotReader.endMark(totalSize: totalSize))
        try onDisk { () throws(FileSystemError) in
            try file.synchronize()
            try fileSystem.rename(
                "\(directory)/\(StorageFileName.partialSnapshot(zxid: zxid).text)",
                to: "\(directory)/\(StorageFileName.snapshot(zxid: zxid).text)")
            try fileSystem.synchronizeDirectory(directory)
        }
    }

    private mutating func write(_ bytes: ByteBuffer) throws(StorageFailure) {
        let position = position
        try onDisk { () throws(FileSystemError) in try file.write(bytes, at: position) }
        self.position += bytes.readableBytes
    }
}

/// Reads a snapshot chunk by chunk.
struct SnapshotReader {
    private static let largestChunk = 1 << 30

    private let file: any File
    private let size: Int
    private var position = StorageFileHeader.size
    private var totalSize = 0

    init(_ fileSystem: any FileSystem, path: String, zxid: Int64) throws(StorageFailure) {
        (file, size) = try onDisk { () throws(FileSystemError) in
            let file = try fileSystem.open(path, .read)
            return (file, try file.size())
        }
        let file = file
        let fault = try onDisk { () throws(FileSystemError) in
            try StorageFileHeader.fault(of: file, .snapshot, zxid: zxid)
        }
        if let fault { throw .damaged(file: path, position: 0, cause: fault) }
    }

    static func endMark(totalSize: Int) -> ByteBuffer {
        var mark = ByteBuffer()
        mark.writeInteger(UInt32(0))
        let total = ByteBuffer(integer: UInt64(totalSize))
        mark.writeInteger(total.withUnsafeReadableBytes { crc32c($0) })
        mark.writeImmutableBuffer(total)
        return mark
    }

    /// The next chunk; nil after the last.
    mutating func next() throws(StorageFailure) -> ByteBuffer? {
        var head = try bytes(8)
        guard let count = head.readInteger(as: UInt32.self), let crc = head.readInteger(as: UInt32.self) else {
            throw damage("it ends too early")
        }
        if count == 0 {
            guard try bytes(16) == Self.endMark(totalSize: totalSize) else { throw damage("its end mark is wrong") }
            return nil
        }
        guard Int(count) <= Self.largestChunk, Int(count) <= size - position - 8 else {
            throw damage("a chunk is longer than the file")
        }
        position += 8
        let chunk = try bytes(Int(count))
        guard chunk.withUnsafeReadableBytes({ crc32c($0) }) == crc else { throw damage("a chunk's checksum is wrong") }
        position += Int(count)
        totalSize += Int(count)
        return chunk
    }

    func damage(_ cause: String) -> StorageFailure {
        .damaged(file: file.path, position: position, cause: cause)
    }

    private func bytes(_ count: Int) throws(StorageFailure) -> ByteBuffer {
        try onDisk { () throws(FileSystemError) in try file.bytes(at: position, count: count) }
    }
}
