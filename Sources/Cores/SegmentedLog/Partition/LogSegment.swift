import ClusterModel
import Records
import Seams

/// One stretch of a partition's log: a file of batches and its indexes.
///
/// Invariant: `size` is the end of the last sound batch; every index entry speaks of a batch before it.
final class LogSegment {
    let baseOffset: Offset
    let directory: String
    private let disk: any FileSystem
    private var openedLog: (any File)?
    /// Bytes of batches in the log file.
    private(set) var size: Int
    let offsetIndex: IndexFile<OffsetIndexEntry>
    let timeIndex: IndexFile<TimeIndexEntry>
    let transactionIndex: IndexFile<TransactionIndexEntry>
    /// The largest timestamp of a record and the last offset of its batch; -1 for none.
    private(set) var maxTimestamp: Int64
    private(set) var offsetOfMaxTimestamp: Offset
    /// The timestamp of the first batch, when that was read or written in this life; -1 for none.
    private(set) var firstTimestamp: Int64 = -1
    /// When the segment was begun or opened, in milliseconds since 1970.
    let openedAt: Int64
    /// Taken off the age at which the segment ends, in milliseconds.
    let jitter: Int64
    private var positionOfLastIndexEntry = 0
    private var lastIndexedTimestamp: Int64 = -1
    private(set) var isUnsynced = false

    /// What the names of the files end with behind their kind: nothing, but while a cleaner writes them.
    private let nameSuffix: String

    var path: String { directory + "/" + LogFileName.name(baseOffset, LogFileName.log + nameSuffix) }

    private static func path(_ directory: String, _ base: Offset, _ suffix: String) -> String {
        directory + "/" + LogFileName.name(base, suffix)
    }

    /// Begins an empty segment in the place of whatever has its name.
    init(
        creating baseOffset: Offset, nameSuffix: String = "", in directory: String, on disk: any FileSystem,
        jitter: Int64, at now: Instant
    ) throws(FileSystemError) {
        self.nameSuffix = nameSuffix
        self.baseOffset = baseOffset
        self.directory = directory
        self.disk = disk
        self.jitter = jitter
        openedAt = now.unixMilliseconds
        func path(_ suffix: String) -> String { Self.path(directory, baseOffset, suffix + nameSuffix) }
        let log = try disk.open(path(LogFileName.log), .readWrite)
        try log.truncate(to: 0)
        openedLog = log
        size = 0
        maxTimestamp = -1
        offsetOfMaxTimestamp = -1
        offsetIndex = IndexFile(creating: path(LogFileName.offsetIndex), on: disk)
        timeIndex = IndexFile(creating: path(LogFileName.timeIndex), on: disk)
        let transactions = path(LogFileName.transactionIndex)
        transactionIndex = IndexFile(creating: transactions, on: disk)
        try disk.remove(transactions)
        try offsetIndex.write(evenIfEmpty: true)
        try timeIndex.write(evenIfEmpty: true)
        isUnsynced = true
    }

    /// The segment as its files show it, without reading its batches.
    /// - Returns: nil when the indexes cannot be right.
    init?(
        opening baseOffset: Offset, in directory: String, on disk: any FileSystem, sealed: Bool, jitter: Int64,
        at now: Instant
    ) throws(FileSystemError) {
        self.baseOffset = baseOffset
        self.directory = directory
        self.disk = disk
        self.jitter = jitter
        nameSuffix = ""
        openedAt = now.unixMilliseconds
        func path(_ suffix: String) -> String { Self.path(directory, baseOffset, suffix) }
        size = try disk.attributes(path(LogFileName.log))?.sizeInBytes ?? 0
        guard try disk.attributes(path(LogFileName.offsetIndex)) != nil,
            try disk.attributes(path(LogFileName.timeIndex)) != nil,
            let offsets = try IndexFile<OffsetIndexEntry>(
                opening: path(LogFileName.offsetIndex), on: disk, sealed: sealed),
            let times = try IndexFile<TimeIndexEntry>(opening: path(LogFileName.timeIndex), on: disk, sealed: sealed),
            let transactions = try IndexFile<TransactionIndexEntry>(
                opening: path(LogFileName.transactionIndex), on: disk, sealed: sealed)
        else { return nil }
        offsetIndex = offsets
        timeIndex = times
        transactionIndex = transactions
        let lastTime = try times.last()
        lastIndexedTimestamp = lastTime?.timestamp ?? -1
        maxTimestamp = lastIndexedTimestamp
        offsetOfMaxTimestamp = lastTime.map { baseOffset + Offset($0.relativeOffset) } ?? -1
        let lastOffset = try offsets.last()
        positionOfLastIndexEntry = Int(lastOffset?.position ?? 0)
        // Files that Apache's broker preallocated and did not close end in zeros.
        if let lastOffset, lastOffset.relativeOffset <= 0 || lastOffset.position <= 0 || lastOffset.position >= size {
            return nil
        }
        if let lastTime {
            let before = times.count > 1 ? try times.entry(at: times.count - 2).timestamp : -1
            if lastTime.timestamp <= before || lastTime.relativeOffset < 0 { return nil }
        }
        // Closing a segment that has records with timestamps puts an entry there.
        if size > 0, lastTime == nil { return nil }
    }

    /// A cleaned segment whose files have got their names.
    init(_ cleaned: CleanedSegment, in directory: String, on disk: any FileSystem, jitter: Int64, at now: Instant) {
        baseOffset = cleaned.baseOffset
        self.directory = directory
        self.disk = disk
        self.jitter = jitter
        nameSuffix = ""
        openedAt = now.unixMilliseconds
        size = cleaned.sizeInBytes
        maxTimestamp = cleaned.maxTimestamp
        offsetOfMaxTimestamp = cleaned.offsetOfMaxTimestamp
        lastIndexedTimestamp = cleaned.maxTimestamp
        func path(_ suffix: String) -> String { Self.path(directory, cleaned.baseOffset, suffix) }
        offsetIndex = IndexFile(sealed: path(LogFileName.offsetIndex), count: cleaned.offsetEntryCount, on: disk)
        timeIndex = IndexFile(sealed: path(LogFileName.timeIndex), count: cleaned.timeEntryCount, on: disk)
        transactionIndex = IndexFile(
            sealed: path(LogFileName.transactionIndex), count: cleaned.transactionEntryCount, on: disk)
    }

    /// The segment with empty indexes, for ``takeUp(_:interval:)`` of all its batches.
    init(
        rebuilding baseOffset: Offset, in directory: String, on disk: any FileSystem, jitter: Int64, at now: Instant
    ) {
        self.baseOffset = baseOffset
        self.directory = directory
        self.disk = disk
        self.jitter = jitter
        nameSuffix = ""
        openedAt = now.unixMilliseconds
        size = 0
        maxTimestamp = -1
        offsetOfMaxTimestamp = -1
        offsetIndex = IndexFile(creating: Self.path(directory, baseOffset, LogFileName.offsetIndex), on: disk)
        timeIndex = IndexFile(creating: Self.path(directory, baseOffset, LogFileName.timeIndex), on: disk)
        transactionIndex = IndexFile(
            creating: Self.path(directory, baseOffset, LogFileName.transactionIndex), on: disk)
        isUnsynced = true
    }

    func log() throws(FileSystemError) -> any File {
        if let openedLog { return openedLog }
        let log = try disk.open(path, .readWrite)
        openedLog = log
        return log
    }

    /// Closes the segment's files until they are needed; readers keep what they have.
    /// - Parameter evenUnsynced: whether those with unsynced contents too. A system that could not write them in the
    ///   meantime may not tell whoever opens them again to sync them.
    func letGo(evenUnsynced: Bool) {
        if evenUnsynced || !isUnsynced { openedLog = nil }
        offsetIndex.letGo(evenUnsynced: evenUnsynced)
        timeIndex.letGo(evenUnsynced: evenUnsynced)
        transactionIndex.letGo(evenUnsynced: evenUnsynced)
    }

    /// Whether indexes can speak of a record at `offset`.
    func canHold(_ offset: Offset) -> Bool { offset >= baseOffset && offset - baseOffset <= Offset(Int32.max) }

    /// Writes batches at the end, all or none; they count when they are taken up.
    func write(_ batches: UnsafeRawBufferPointer) throws(FileSystemError) {
        let log = try log()
        isUnsynced = true
        do throws(FileSystemError) {
            try log.write(batches, at: size)
        } catch {
            // A part of them must not stand before what comes next.
            try log.truncate(to: size)
            throw error
        }
    }

    /// Counts the batch at the segment's end as part of it.
    /// - Parameter interval: index entries are more than this many bytes apart.
    func takeUp(_ header: RecordBatchHeader, interval: Int) {
        if size == 0 { firstTimestamp = header.maxTimestamp }
        noteTimestamp(of: header)
        if size - positionOfLastIndexEntry > interval {
            offsetIndex.append(
                OffsetIndexEntry(relativeOffset: Int32(header.lastOffset - baseOffset), position: Int32(size)))
            indexTimestamp()
            positionOfLastIndexEntry = size
        }
        size += header.sizeInBytes
    }

    private func noteTimestamp(of header: RecordBatchHeader) {
        guard header.maxTimestamp > maxTimestamp else { return }
        maxTimestamp = header.maxTimestamp
        offsetOfMaxTimestamp = header.lastOffset
    }

    private func indexTimestamp() {
        guard maxTimestamp > lastIndexedTimestamp else { return }
        lastIndexedTimestamp = maxTimestamp
        timeIndex.append(
            TimeIndexEntry(timestamp: maxTimestamp, relativeOffset: Int32(offsetOfMaxTimestamp - baseOffset)))
    }

    /// Notes a transaction that was rolled back by a marker in the segment.
    func append(_ transaction: CompletedTransaction, lastStableOffset: Offset) {
        transactionIndex.append(
            TransactionIndexEntry(
                producerID: transaction.producerID, firstOffset: transaction.firstOffset,
                lastOffset: transaction.lastOffset, lastStableOffset: lastStableOffset))
    }

    /// Notes a transaction that was rolled back by a marker which another segment held before.
    func append(_ entry: TransactionIndexEntry) { transactionIndex.append(entry) }

    /// Brings the indexes into their files; the time index ends with the largest timestamp.
    /// - Parameter sealing: whether nothing will be appended any more.
    func writeIndexes(sealing: Bool) throws(FileSystemError) {
        indexTimestamp()
        guard sealing else { return try writeThrough() }
        try offsetIndex.seal(evenIfEmpty: true)
        try timeIndex.seal(evenIfEmpty: true)
        try transactionIndex.seal(evenIfEmpty: false)
    }

    /// Brings into the index files what they do not hold yet.
    func writeThrough() throws(FileSystemError) {
        try offsetIndex.write(evenIfEmpty: true)
        try timeIndex.write(evenIfEmpty: true)
        try transactionIndex.write(evenIfEmpty: false)
    }

    /// The files with unsynced contents; they count as synced from here on.
    func takeUnsynced() throws(FileSystemError) -> [any File] {
        var files: [any File] = []
        if isUnsynced { files.append(try log()) }
        isUnsynced = false
        if let file = try offsetIndex.takeUnsynced() { files.append(file) }
        if let file = try timeIndex.takeUnsynced() { files.append(file) }
        if let file = try transactionIndex.takeUnsynced() { files.append(file) }
        return files
    }

    /// Removes all batches from the first on whose last offset is `offset` or more, and readies the segment for
    /// appending.
    /// - Returns: the first removed batch's base offset; nil when there was none.
    func truncate(to offset: Offset) throws(LogFailure) -> Offset? {
        let found = try find(offset, from: nil)
        try onDisk { () throws(FileSystemError) in
            if let found {
                try log().truncate(to: found.position)
                size = found.position
                isUnsynced = true
            }
            let end = found?.header.baseOffset ?? .max
            try offsetIndex.truncate(toCount: try offsetIndex.leading { Int($0.position) < size }.count)
            try timeIndex.truncate(
                toCount: try timeIndex.leading { baseOffset + Offset($0.relativeOffset) < end }.count)
            try transactionIndex.truncate(toCount: try transactionIndex.leading { $0.lastOffset < end }.count)
        }
        try resumeFromIndexes()
        return found?.header.baseOffset
    }

    /// Finds again what is kept in memory while appending.
    func resumeFromIndexes() throws(LogFailure) {
        let (lastOffset, lastTime) = try onDisk { () throws(FileSystemError) in
            (try offsetIndex.last(), try timeIndex.last())
        }
        positionOfLastIndexEntry = Int(lastOffset?.position ?? 0)
        lastIndexedTimestamp = lastTime?.timestamp ?? -1
        maxTimestamp = lastIndexedTimestamp
        offsetOfMaxTimestamp = lastTime.map { baseOffset + Offset($0.relativeOffset) } ?? -1
        firstTimestamp = -1
        guard size > 0 else { return }
        let start = try onDisk { () throws(FileSystemError) in try scanStart(for: max(offsetOfMaxTimestamp, 0)) }
        try scan(from: start) { header, _ in
            noteTimestamp(of: header)
            return true
        }
        try readFirstTimestamp()
    }

    func readFirstTimestamp() throws(LogFailure) {
        try scan(from: 0) { header, _ in
            firstTimestamp = header.maxTimestamp
            return false
        }
    }
}
