import NIOCore
import Seams

/// The file that batches are appended to. Room for them is written as zeros, and made durable, before they come: a
/// full disk is met then, and a batch never grows the file, so that its sync finds no new size to write down.
struct LogTail {
    private let file: any File
    private let syncsBatches: Bool
    /// Where the next batch goes.
    private(set) var position: Int
    /// The zeros written ahead end here.
    private var allocated: Int
    /// What kept the room from growing as far as it was to grow; nil when nothing did.
    private(set) var lack: FileSystemError?

    /// Bytes that can be written without the file growing.
    var room: Int { allocated - position }

    /// Begins a file, with room for `room` bytes or as many as the disk has.
    ///
    /// - Parameters:
    ///   - needed: the least room.
    ///   - syncsBatches: whether ``append(_:)`` makes them durable.
    /// - Throws: also when the disk has no room for `needed` bytes: then no file is left.
    init(
        in directory: LogDirectory, firstZxid: Int64, room: Int, needed: Int, syncsBatches: Bool
    ) throws(FileSystemError) {
        self.syncsBatches = syncsBatches
        let header = StorageFileHeader.bytes(.log, zxid: firstZxid)
        do throws(FileSystemError) {
            file = try directory.fileSystem.open(directory.path(of: firstZxid), .createNew)
            position = header.readableBytes
            allocated = position
            try file.write(header, at: 0)
            try extend(to: room)
            if let lack, self.room < needed { throw lack }
            // The name and the header are durable before anything stands behind them.
            try file.synchronize()
            try directory.fileSystem.synchronizeDirectory(directory.path)
        } catch {
            // An empty file behind the one that goes on would be taken for damage of that one.
            if error.isLackOfRoom { try directory.remove(firstZxid) }
            throw error
        }
    }

    /// Writes zeros ahead until there is room for `count` bytes, or until the disk has no more (``lack``).
    mutating func extend(to count: Int) throws(FileSystemError) {
        lack = nil
        let before = allocated
        do throws(FileSystemError) {
            try file.writeZeros(upTo: position + count, from: &allocated)
        } catch {
            guard error.isLackOfRoom else { throw error }
            lack = error
        }
        guard allocated > before else { return }
        do throws(FileSystemError) {
            try file.synchronize()
        } catch {
            // Some file systems find room only now. No batch was among what this sync may have lost.
            guard error.isLackOfRoom else { throw error }
            allocated = before
            lack = error
        }
    }

    /// Makes a batch durable that fits into the room, if batches are synced. False, with ``lack``, when the disk has no room after all: some
    /// file systems copy what is overwritten. The batch may then be appended again.
    mutating func append(_ batch: ByteBuffer) throws(FileSystemError) -> Bool {
        precondition(batch.readableBytes <= room, "a batch of \(batch.readableBytes) bytes in room for \(room)")
        do throws(FileSystemError) {
            try file.write(batch, at: position)
        } catch {
            guard error.isLackOfRoom else { throw error }
            lack = error
            return false
        }
        if syncsBatches { try file.synchronize() }
        position += batch.readableBytes
        return true
    }

    /// Gives back the room that was not used.
    func end() throws(FileSystemError) {
        try file.truncate(to: position)
        try file.synchronize()
    }
}

extension File {
    /// Writes zeros from `position`, which goes with what has been written, up to `end`.
    func writeZeros(upTo end: Int, from position: inout Int) throws(FileSystemError) {
        guard position < end else { return }
        let zeros = ByteBuffer(repeating: 0, count: min(1 << 18, end - position))
        while position < end {
            let piece = zeros.getSlice(at: 0, length: min(zeros.readableBytes, end - position)) ?? zeros
            try write(piece, at: position)
            position += piece.readableBytes
        }
    }
}
