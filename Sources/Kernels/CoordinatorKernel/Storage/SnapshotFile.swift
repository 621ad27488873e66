import NIOCore
import Seams
import WireCoding
import ZNodes

/// A snapshot on disk: header, chunks (length, CRC-32C, bytes), and an end mark with the length of all chunks together.
///
/// It is written under another name and renamed when it is complete and durable: one with its own name is whole. Who
/// cannot go on writing removes it.
package struct SnapshotWriter {
    /// So much is made durable at a time: what had gathered in memory would, all at once, keep the log's syncs waiting.
    private static let syncedAtOnceInBytes = 1 << 20
    /// So much is given back at a time, for the same reason.
    private static let releasedAtOnceInBytes = 8 << 20

    private let fileSystem: any FileSystem
    private let directory: String
    private let zxid: Int64
    private let unfinishedPath: String
    private let finishedPath: String
    private let file: any File
    private var position = StorageFileHeader.size
    /// Up to there the file is durable.
    private var syncedPosition = 0
    private var totalSize = 0

    /// Writes over a superfluous snapshot where `CoordinatorStorage.purge` has left one.
    ///
    /// - Parameter zxid: of the last change that the snapshot holds.
    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings, zxid: Int64) throws(StorageFailure) {
        let unfinished = StorageFileName.partialSnapshot(zxid: zxid)
        let storage = CoordinatorStorage(fileSystem: fileSystem, settings: settings)
        if let superfluous = try storage.partialSnapshot(), superfluous != unfinished {
            try storage.rename(superfluous, to: unfinished)
        }
        try self.init(fileSystem, settings, zxid: zxid, unfinished: unfinished, finished: .snapshot(zxid: zxid))
    }

    init(
        _ fileSystem: any FileSystem, _ settings: StorageSettings, zxid: Int64, unfinished: StorageFileName,
        finished: StorageFileName
    ) throws(StorageFailure) {
        let directory = settings.snapshotDirectory
        try self.init(
            fileSystem, directory: directory, zxid: zxid, unfinished: "\(directory)/\(unfinished.text)",
            finished: "\(directory)/\(finished.text)")
    }

    /// - Parameter directory: the one that both paths are in.
    init(
        _ fileSystem: any FileSystem, directory: String, zxid: Int64, unfinished path: String, finished: String
    ) throws(StorageFailure) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.zxid = zxid
        unfinishedPath = path
        finishedPath = finished
        file = try onDisk { () throws(FileSystemError) in try fileSystem.open(path, .readWrite) }
        try write(StorageFileHeader.bytes(.snapshot, zxid: zxid), at: 0)
    }

    /// Writes a snapshot besides those that the coordinator takes by itself, which may write one of the same zxid at the
    /// same time. Returns the path.
    package static func write(
        _ state: TreeState, _ fileSystem: any FileSystem, _ settings: StorageSettings
    ) throws(StorageFailure) -> String {
        let zxid = state.lastZxid
        var writer = try SnapshotWriter(
            fileSystem, settings, zxid: zxid, unfinished: .receivingSnapshot(zxid: zxid),
            finished: .snapshot(zxid: zxid))
        var chunks = state.snapshotChunks()
        while let chunk = chunks.next() { try writer.append(chunk) }
        try writer.finish()
        return writer.finishedPath
    }

    /// Adds a chunk of at least one byte.
    package mutating func append(_ chunk: ByteBuffer) throws(StorageFailure) {
        precondition(chunk.readableBytes > 0, "an empty chunk in the snapshot of zxid \(zxid)")
        var framed = ByteBuffer()
        framed.reserveCapacity(chunk.readableBytes + 8)
        framed.writeInteger(UInt32(chunk.readableBytes))
        framed.writeInteger(chunk.withUnsafeReadableBytes { crc32c($0) })
        framed.writeImmutableBuffer(chunk)
        try write(framed, at: position)
        position += framed.readableBytes
        totalSize += chunk.readableBytes
        if position - syncedPosition >= Self.syncedAtOnceInBytes {
            try orGiveUp { () throws(FileSystemError) in try file.synchronize() }
            syncedPosition = position
        }
    }

    /// Makes the snapshot durable and gives it its name.
    package func finish() throws(StorageFailure) {
        try complete()
        try rename()
    }

    /// Makes durable what is in the file, which can be read from now on.
    func complete() throws(StorageFailure) {
        let endMark = SnapshotReader.endMark(totalSize: totalSize)
        try write(endMark, at: position)
        let end = position + endMark.readableBytes
        try orGiveUp { () throws(FileSystemError) in
            // Of what the file held before.
            var size = try file.size()
            while size > end {
                size = max(end, size - Self.releasedAtOnceInBytes)
                try file.truncate(to: size)
                try file.synchronize()
            }
            try file.synchronize()
        }
    }

    func rename() throws(StorageFailure) {
        try orGiveUp { () throws(FileSystemError) in
            try fileSystem.rename(unfinishedPath, to: finishedPath)
            try fileSystem.synchronizeDirectory(directory)
        }
    }

    /// Gives up writing: removes the file, unless it has its final name already.
    package func discard() throws(StorageFailure) {
        try onDisk { () throws(FileSystemError) in try fileSystem.remove(unfinishedPath) }
    }

    private func write(_ bytes: ByteBuffer, at position: Int) throws(StorageFailure) {
        try orGiveUp { () throws(FileSystemError) in try file.write(bytes, at: position) }
    }

    private func orGiveUp(_ body: () throws(FileSystemError) -> Void) throws(StorageFailure) {
        do throws(StorageFailure) {
            try onDisk(body)
        } catch let failure {
            do throws(StorageFailure) {
                try discard()
            } catch {
                // The next start removes it. What matters is why there is no snapshot.
                throw failure
            }
            throw failure
        }
    }
}

/// Reads a snapshot chunk by chunk.
struct SnapshotReader {
    private static let largestChunk = 1 << 30

    private let file: any File
    private let size: Int
    private var position = StorageFileHeader.size
    private var totalSize = 0

    init(
        _ fileSystem: any FileSystem, in directory: String, _ name: StorageFileName, zxid: Int64
    ) throws(StorageFailure) {
        try self.init(fileSystem, path: "\(directory)/\(name.text)", zxid: zxid)
    }

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

    /// Gives all chunks to `empty`.
    mutating func load<State: Restorable>(into empty: State) throws(StorageFailure) -> State {
        var state = empty
        while let chunk = try next() {
            do {
                try state.load(chunk)
            } catch {
                throw damage("a chunk cannot be read (\(error))")
            }
        }
        do {
            try state.finishLoading()
        } catch {
            throw damage("it does not hang together (\(error))")
        }
        return state
    }

    private func damage(_ cause: String) -> StorageFailure {
        .damaged(file: file.path, position: position, cause: cause)
    }

    private func bytes(_ count: Int) throws(StorageFailure) -> ByteBuffer {
        try onDisk { () throws(FileSystemError) in try file.bytes(at: position, count: count) }
    }
}
