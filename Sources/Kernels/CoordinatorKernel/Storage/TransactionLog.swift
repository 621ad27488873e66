import NIOCore
import Seams

/// The end of the transaction log, where changes are appended: one write and one sync a batch.
///
/// It keeps room ahead, so that a full disk is known before a change cannot be written. After a failure nothing may be
/// appended any more: what a failed sync left on the disk is unknown. A lack of room is no failure.
package struct TransactionLog {
    private let directory: LogDirectory
    private let settings: StorageSettings
    /// nil until the first batch after a start.
    private var tail: LogTail?
    /// Of the last batch, or of the snapshot that the log continues.
    package private(set) var lastZxid: Int64
    /// Nothing can be appended any more.
    package private(set) var hasFailed = false
    /// There is little room or none behind the last batch, and the disk has no more. Batches that fit are still written.
    package private(set) var isShortOfRoom = false
    /// The next batch is to start a file.
    private var isRollDue = false
    /// The disk had no room for another file beside the one that goes on.
    private var isRollPostponed = false
    /// Kept from batch to batch.
    private var buffer = ByteBuffer()

    /// Less room than this, and the disk full, is a shortage: what is on its way when that is said should still fit.
    private var margin: Int { settings.allocationSizeInBytes / 4 }
    /// With less room than this the file is to grow. Of a large room a step is missing then.
    private var scarcity: Int { max(margin, settings.allocationSizeInBytes - settings.allocationStepInBytes) }

    /// A log that goes on after `lastZxid` in a file of its own.
    init(fileSystem: any FileSystem, settings: StorageSettings, lastZxid: Int64) {
        directory = LogDirectory(fileSystem, settings)
        self.settings = settings
        self.lastZxid = lastZxid
    }

    /// Makes entries durable, in order; their zxids lie above all before.
    ///
    /// - Throws: `noRoom` when nothing of them was appended and they may be tried again. After any other failure nothing
    ///   of them is certain.
    package mutating func append(_ run: LogRun) throws(StorageFailure) {
        precondition(!hasFailed, "appending to a log that has failed")
        guard !run.isEmpty else { return }
        precondition(run.firstZxid > lastZxid, "zxid \(run.firstZxid) appended after \(lastZxid)")
        buffer.clear()
        LogBatch.write(run, after: lastZxid, into: &buffer)
        let lack = try orFail { log throws(FileSystemError) in try log.write(firstZxid: run.firstZxid) }
        // One huge batch must not hold its memory for good.
        if buffer.capacity > 4 << 20 { buffer = ByteBuffer() }
        if let lack {
            isShortOfRoom = true
            throw .noRoom(lack)
        }
        lastZxid = run.lastZxid
    }

    /// As a run of their own.
    package mutating func append(_ entries: [LogEntry]) throws(StorageFailure) { try append(LogRun(entries)) }

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
            try directory.cut(after: zxid)
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

    /// Lets the next batch start a file, so that the files before can be removed once a snapshot covers them. It waits
    /// for another time as long as the disk has no room for another file.
    package mutating func roll() { isRollDue = tail != nil }

    /// Gives back the room that was written ahead. The next batch starts a file.
    package mutating func close() throws(StorageFailure) {
        guard let tail else { return }
        self.tail = nil
        try orFail { _ throws(FileSystemError) in try tail.end() }
    }

    // MARK: Room

    /// Looks whether the disk has room, and takes it: tells by ``isShortOfRoom``.
    package mutating func lookForRoom() throws(StorageFailure) {
        precondition(!hasFailed, "a log that has failed looks for room")
        try orFail { log throws(FileSystemError) in
            if log.tail == nil || log.tail?.lack?.isLimitOfFile == true {
                let wanted = min(log.margin, log.settings.allocationStepInBytes)
                log.isShortOfRoom = try log.directory.lack(ofRoomFor: wanted) != nil
            } else {
                let wanted = log.margin + log.settings.allocationStepInBytes
                try log.tail?.extend(to: wanted)
                log.isShortOfRoom = log.hasShortTail
            }
            log.isRollPostponed = log.isShortOfRoom
        }
    }

    private var hasShortTail: Bool {
        guard let tail, let lack = tail.lack else { return false }
        return tail.room < margin && !lack.isLimitOfFile
    }

    /// Writes and syncs the batch in `buffer`, unless there is no room: then says why.
    private mutating func write(firstZxid: Int64) throws(FileSystemError) -> FileSystemError? {
        let count = buffer.readableBytes
        if let tail, tail.position >= settings.logFileSizeInBytes { isRollDue = true }
        var isNew = tail == nil
        if isNew {
            if let lack = try begin(firstZxid: firstZxid, needed: count) { return lack }
        } else if isRollDue && !isRollPostponed {
            isNew = try begin(firstZxid: firstZxid, needed: count + settings.allocationStepInBytes) == nil
            isRollPostponed = !isNew
        }
        if !isNew, let room = tail?.room, room < (isShortOfRoom ? count : count + scarcity) {
            let wanted = min(max(room, count) + settings.allocationStepInBytes, count + settings.allocationSizeInBytes)
            try tail?.extend(to: wanted)
            isShortOfRoom = hasShortTail
            if tail?.lack == nil { isRollPostponed = false }
        }
        if let tail, let lack = tail.lack, tail.room < count {
            // Where the file is what cannot grow, another one can.
            guard lack.isLimitOfFile else { return lack }
            if let lack = try begin(firstZxid: firstZxid, needed: count) { return lack }
        }
        return try tail?.append(buffer) == false ? tail?.lack : nil
    }

    /// Lets another file be the tail, unless the disk has no room for `needed` bytes in it: then says why.
    private mutating func begin(firstZxid: Int64, needed: Int) throws(FileSystemError) -> FileSystemError? {
        let next: LogTail
        do throws(FileSystemError) {
            let room = buffer.readableBytes + settings.allocationStepInBytes
            next = try LogTail(
                in: directory, firstZxid: firstZxid, room: room, needed: needed, syncsBatches: settings.syncsLog)
        } catch {
            guard error.isLackOfRoom else { throw error }
            return error
        }
        try tail?.end()
        tail = next
        isRollDue = false
        isShortOfRoom = hasShortTail
        return nil
    }

    private mutating func orFail<Value>(
        _ body: (inout TransactionLog) throws(FileSystemError) -> Value
    ) throws(StorageFailure) -> Value {
        do throws(FileSystemError) {
            return try body(&self)
        } catch {
            hasFailed = true
            throw .disk(error)
        }
    }
}
