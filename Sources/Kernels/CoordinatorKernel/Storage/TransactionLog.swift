import NIOCore
import Seams

/// The end of the transaction log, where changes are appended: one write and one sync a batch.
///
/// Files are filled with zeros ahead of writing, so that a sync finds no new size to write down. After a failure
/// nothing may be appended any more: what a failed sync left on the disk is unknown.
package struct TransactionLog {
    private struct Tail {
        var file: any File
        /// Where the next batch goes.
        var position: Int
        /// The zeros written ahead end here.
        var allocated: Int
    }

    private let fileSystem: any FileSystem
    private let settings: StorageSettings
    /// nil until the first batch after a start or a roll.
    private var tail: Tail?
    /// Of the last batch, or of the snapshot that the log continues.
    package private(set) var lastZxid: Int64
    /// Bytes of log written since it was opened.
    package private(set) var writtenBytes = 0
    /// Nothing can be appended any more.
    package private(set) var hasFailed = false
    /// Kept from batch to batch.
    private var buffer = ByteBuffer()

    /// A log that goes on after `lastZxid` in a file of its own.
    init(fileSystem: any FileSystem, settings: StorageSettings, lastZxid: Int64) {
        self.fileSystem = fileSystem
        self.settings = settings
        self.lastZxid = lastZxid
    }

    /// Makes entries durable, in order; their zxids lie above all before. Nothing of them is certain after a failure.
    package mutating func append(_ entries: [LogEntry]) throws(StorageFailure) {
        precondition(!hasFailed, "appending to a log that has failed")
        guard let first = entries.first, let last = entries.last else { return }
        precondition(first.zxid > lastZxid, "zxid \(first.zxid) appended after \(lastZxid)")
        do throws(FileSystemError) {
            try write(entries, firstZxid: first.zxid)
        } catch {
            hasFailed = true
            throw .disk(error)
        }
        lastZxid = last.zxid
        // One huge batch must not hold its memory for good.
        if buffer.capacity > 4 << 20 { buffer = ByteBuffer() }
    }

    private mutating func write(_ entries: [LogEntry], firstZxid: Int64) throws(FileSystemError) {
        if let tail, tail.position >= settings.logFileSizeInBytes { try end(tail) }
        var tail =
            if let tail { tail } else { try begin(firstZxid: firstZxid) }
        buffer.clear()
        LogBatch.write(entries, after: lastZxid, into: &buffer)
        try allocate(buffer.readableBytes, in: &tail)
        try tail.file.write(buffer, at: tail.position)
        try tail.file.synchronize()
        tail.position += buffer.readableBytes
        writtenBytes += buffer.readableBytes
        self.tail = tail
    }

    /// Makes void whatever was appended above `zxid`, which is the zxid of an entry or of the snapshot that the log
    /// continues. What is appended next follows `zxid`; it may be numbered below what was voided.
    ///
    /// Of the batch that holds `zxid` the rest stays on the disk: it is void for good once the next batch is durable,
    /// which says what it follows. A crash until then may bring back some of what was voided, with all before it.
    package mutating func truncate(after zxid: Int64) throws(StorageFailure) {
        precondition(!hasFailed, "truncating a log that has failed")
        precondition(zxid <= lastZxid, "truncating after zxid \(zxid) a log that ends at \(lastZxid)")
        guard zxid < lastZxid else { return }
        tail = nil
        do throws(StorageFailure) {
            try LogDirectory(fileSystem, settings).cut(after: zxid)
        } catch {
            hasFailed = true
            throw error
        }
        lastZxid = zxid
    }

    /// Goes on after `zxid`, wherever the log ended, when `removeFiles` has removed all that was appended.
    mutating func restart(
        after zxid: Int64, _ removeFiles: () throws(StorageFailure) -> Void
    ) throws(StorageFailure) {
        precondition(!hasFailed, "restarting a log that has failed")
        tail = nil
        do throws(StorageFailure) {
            try removeFiles()
        } catch {
            hasFailed = true
            throw error
        }
        lastZxid = zxid
    }

    /// Lets the next batch start a file, so that the files before can be removed once a snapshot covers them. Zeros
    /// written ahead are given back.
    package mutating func roll() throws(StorageFailure) {
        guard let tail else { return }
        do throws(FileSystemError) {
            try end(tail)
        } catch {
            hasFailed = true
            throw .disk(error)
        }
    }

    private mutating func end(_ tail: Tail) throws(FileSystemError) {
        self.tail = nil
        try tail.file.truncate(to: tail.position)
        try tail.file.synchronize()
    }

    private func begin(firstZxid: Int64) throws(FileSystemError) -> Tail {
        let directory = LogDirectory(fileSystem, settings)
        let file = try fileSystem.open(directory.path(of: firstZxid), .createNew)
        let header = StorageFileHeader.bytes(.log, zxid: firstZxid)
        try file.write(header, at: 0)
        var tail = Tail(file: file, position: header.readableBytes, allocated: header.readableBytes)
        try allocate(1, in: &tail)
        // The name and the header are durable before anything stands behind them.
        try file.synchronize()
        try fileSystem.synchronizeDirectory(directory.path)
        return tail
    }

    /// Writes zeros ahead when `count` bytes do not fit any more.
    private func allocate(_ count: Int, in tail: inout Tail) throws(FileSystemError) {
        guard tail.position + count > tail.allocated else { return }
        let target = tail.position + count + settings.allocationSizeInBytes
        let zeros = ByteBuffer(repeating: 0, count: min(1 << 20, target - tail.allocated))
        while tail.allocated < target {
            let piece = zeros.getSlice(at: 0, length: min(zeros.readableBytes, target - tail.allocated)) ?? zeros
            try tail.file.write(piece, at: tail.allocated)
            tail.allocated += piece.readableBytes
        }
    }
}
