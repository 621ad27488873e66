import NIOCore
import Seams
import WireCoding

/// What is built up again from snapshots and log at a start.
package protocol Restorable {
    /// Takes the next chunk of a snapshot.
    mutating func load(_ chunk: ByteBuffer) throws(MalformedInput)
    /// Takes the end of a snapshot: refuses one that does not hang together.
    mutating func finishLoading() throws(MalformedInput)
    /// Applies a change of the log.
    mutating func replay(_ entry: LogEntry) throws(MalformedInput)
}

/// What a start found on the disk.
package struct Recovery<State> {
    package var state: State
    package var log: TransactionLog
    package var lastZxid: Int64
    /// nil when there was none.
    package var snapshotZxid: Int64?
    package var replayedCount: Int
    /// The replayed entries, oldest first, where they were asked for.
    package var entries: [LogEntry]
    /// What an operator should know, as sentences.
    package var warnings: [String]
}

/// The coordinator's directories.
package struct CoordinatorStorage: Sendable {
    let fileSystem: any FileSystem
    package let settings: StorageSettings

    var log: LogDirectory { LogDirectory(fileSystem, settings) }

    package init(fileSystem: any FileSystem, settings: StorageSettings) {
        self.fileSystem = fileSystem
        self.settings = settings
    }

    /// One or two.
    package var directories: [String] { Set([settings.snapshotDirectory, settings.logDirectory]).sorted() }

    /// Makes the directories. Changes nothing else.
    package func prepare() throws(StorageFailure) {
        for directory in directories {
            try onDisk { () throws(FileSystemError) in try create(directory) }
        }
    }

    /// Makes a directory and those above it, each durable before anything is put into it.
    private func create(_ directory: String) throws(FileSystemError) {
        guard directory != "/", directory != ".", try fileSystem.attributes(directory) == nil else {
            return try fileSystem.createDirectory(directory)
        }
        var parent = "."
        if let slash = directory.utf8.lastIndex(of: UInt8(ascii: "/")) {
            parent = slash == directory.startIndex ? "/" : String(directory[..<slash])
        }
        try create(parent)
        try fileSystem.createDirectory(directory)
        try fileSystem.synchronizeDirectory(parent)
    }

    /// Builds the newest state: from the newest sound snapshot, then the log after it. Cuts off what a crash tore, and
    /// refuses everything else that is not as it was written. What Apache ZooKeeper has left is taken over first.
    ///
    /// - Parameter keepsEntries: whether the result has the entries of the log behind the snapshot; members of an ensemble
    ///   need them, for they may not be committed yet.
    /// - Parameter end: where a log ends that was truncated and to which nothing was appended since: what its last batch
    ///   holds above it is void. nil when all counts.
    package func recover<State: Restorable>(
        keepsEntries: Bool = false, upTo end: Int64? = nil, _ makeEmpty: () -> State
    ) throws(StorageFailure) -> Recovery<State> {
        // Renames and removals of a killed process count from now on.
        try onDisk { () throws(FileSystemError) in
            for directory in directories { try fileSystem.synchronizeDirectory(directory) }
        }
        try endInstallation()
        var warnings = try ApacheTakeover(fileSystem, settings).perform()
        let names = try snapshotFileNames()
        for name in names where name.isUnfinished { try removeSnapshotFile(name) }
        var damage: StorageFailure?
        for zxid in snapshotZxids(names).reversed() {
            do throws(StorageFailure) {
                var reader = try SnapshotReader(
                    fileSystem, in: settings.snapshotDirectory, .snapshot(zxid: zxid), zxid: zxid)
                let state = try reader.load(into: makeEmpty())
                return try replayLog(
                    onto: state, snapshotZxid: zxid, upTo: end, keepsEntries: keepsEntries, warnings: warnings)
            } catch {
                guard case .damaged(let file, _, _) = error, file.hasSuffix(StorageFileName.snapshot(zxid: zxid).text)
                else { throw error }
                warnings.append("\(error); trying an older snapshot")
                damage = damage ?? error
            }
        }
        if let damage { throw damage }
        return try replayLog(
            onto: makeEmpty(), snapshotZxid: nil, upTo: end, keepsEntries: keepsEntries, warnings: warnings)
    }

    // MARK: The log

    /// What the files of the log are replayed onto.
    private struct Replay<State: Restorable> {
        var state: State
        var lastZxid: Int64
        let snapshotZxid: Int64?
        var count = 0
        var entries: [LogEntry]?
        var warnings: [String]
    }

    private func replayLog<State: Restorable>(
        onto loaded: State, snapshotZxid: Int64?, upTo limit: Int64?, keepsEntries: Bool, warnings: [String]
    ) throws(StorageFailure) -> Recovery<State> {
        let start = snapshotZxid ?? 0
        var replay = Replay(
            state: loaded, lastZxid: start, snapshotZxid: snapshotZxid,
            entries: keepsEntries ? [] : nil, warnings: warnings)
        let files = try onDisk { () throws(FileSystemError) in try log.firstZxids() }
        for (index, firstZxid) in files.enumerated() {
            let next = index + 1 < files.count ? files[index + 1] : nil
            // All of its changes are in the snapshot.
            if let next, next <= start + 1 { continue }
            var end = limit
            if let next, let joint = try log.joint(of: next) { end = min(joint, limit ?? .max) }
            try self.replay(firstZxid, upTo: end, isLast: next == nil, into: &replay)
        }
        return Recovery(
            state: replay.state,
            log: TransactionLog(fileSystem: fileSystem, settings: settings, lastZxid: replay.lastZxid),
            lastZxid: replay.lastZxid, snapshotZxid: snapshotZxid, replayedCount: replay.count,
            entries: replay.entries ?? [], warnings: replay.warnings)
    }

    /// - Parameter end: what the next file goes on from; entries above it are void. nil when all count.
    private func replay<State: Restorable>(
        _ firstZxid: Int64, upTo end: Int64?, isLast: Bool, into replay: inout Replay<State>
    ) throws(StorageFailure) {
        let path = log.path(of: firstZxid)
        let file = try onDisk { () throws(FileSystemError) in try fileSystem.open(path, .readWrite) }
        let fault = try onDisk { () throws(FileSystemError) in
            try StorageFileHeader.fault(of: file, .log, zxid: firstZxid)
        }
        var reader = try onDisk { () throws(FileSystemError) in
            try LogFileReader(file, firstZxid: firstZxid)
        }
        if let fault {
            // Header and name are synced before anything stands behind them: such a file was never written to.
            guard isLast, try !reader.whatFollows().holdsBatch else {
                throw .damaged(file: path, position: 0, cause: fault)
            }
            replay.warnings.append("removing \(path), which a crash left unfinished")
            return try onDisk { () throws(FileSystemError) in try log.remove(firstZxid) }
        }
        while let (header, entries) = try reader.next() {
            if let end, end <= header.previousZxid {
                throw reader.damage("a batch that the next file voids, and that was never cut off")
            }
            if let end, let snapshotZxid = replay.snapshotZxid, snapshotZxid > end,
                entries.contains(where: { $0.zxid == snapshotZxid })
            {
                throw reader.damage("the next file voids zxid 0x\(String(snapshotZxid, radix: 16)) of the snapshot")
            }
            // What was snapshotted before may have been purged: only what continues the state has to join.
            let lastZxid = min(header.lastZxid, end ?? header.lastZxid)
            guard lastZxid > replay.lastZxid else { continue }
            guard header.previousZxid <= replay.lastZxid else {
                throw .gap(file: path, from: header.previousZxid, expected: replay.lastZxid)
            }
            for entry in entries where entry.zxid > replay.lastZxid && entry.zxid <= lastZxid {
                do {
                    try replay.state.replay(entry)
                } catch {
                    throw reader.damage(
                        "the change of zxid 0x\(String(entry.zxid, radix: 16)) cannot be read (\(error))")
                }
                replay.count += 1
                replay.entries?.append(entry)
            }
            replay.lastZxid = lastZxid
        }
        try cut(file, reader, isLast: isLast, firstZxid: firstZxid, warnings: &replay.warnings)
    }

    /// Cuts the file off where its sound batches end.
    private func cut(
        _ file: any File, _ reader: LogFileReader, isLast: Bool, firstZxid: Int64, warnings: inout [String]
    ) throws(StorageFailure) {
        let rest = try reader.whatFollows()
        if rest.holdsBatch { throw reader.damage("sound changes follow what cannot be read") }
        if rest.isTorn {
            guard isLast else { throw reader.damage("another log file follows what cannot be read") }
            warnings.append("cutting \(file.path) at byte \(reader.position), where a crash tore the last write")
        }
        if reader.position == StorageFileHeader.size {
            return try onDisk { () throws(FileSystemError) in try log.remove(firstZxid) }
        }
        try onDisk { () throws(FileSystemError) in
            if try file.size() > reader.position { try file.truncate(to: reader.position) }
            // A process may have written and ended before it was durable; from now on clients see it.
            try reader.makeDurable()
        }
    }

    // MARK: Names

    /// Removes all but the newest snapshots, and the log files that lie wholly before the oldest that is kept.
    ///
    /// The last of the superfluous snapshots stays as a partial one, for the next to be written over it: where a file
    /// system discards the blocks of a large file that is removed, the disk is busy for so long that the log's syncs wait.
    package func purge() throws(StorageFailure) {
        let snapshots = snapshotZxids(try snapshotFileNames())
        let kept = snapshots.suffix(max(1, settings.retainedSnapshotCount))
        guard let oldest = kept.first else { return }
        var superfluous = snapshots.prefix { $0 < oldest }
        if try partialSnapshot() == nil, let last = superfluous.popLast() {
            try rename(.snapshot(zxid: last), to: .partialSnapshot(zxid: last))
            try onDisk { () throws(FileSystemError) in try fileSystem.synchronizeDirectory(settings.snapshotDirectory) }
        }
        for zxid in superfluous { try removeSnapshotFile(.snapshot(zxid: zxid)) }
        try onDisk { () throws(FileSystemError) in
            let files = try log.firstZxids()
            for (firstZxid, next) in zip(files, files.dropFirst()) where next <= oldest + 1 {
                try log.remove(firstZxid)
            }
        }
    }

    /// A snapshot that is not finished, or not wanted any more.
    func partialSnapshot() throws(StorageFailure) -> StorageFileName? {
        try snapshotFileNames().first { if case .partialSnapshot = $0 { true } else { false } }
    }

    /// It is not durable on return.
    func rename(_ name: StorageFileName, to target: StorageFileName) throws(StorageFailure) {
        let directory = settings.snapshotDirectory
        try onDisk { () throws(FileSystemError) in
            try fileSystem.rename("\(directory)/\(name.text)", to: "\(directory)/\(target.text)")
        }
    }

    func snapshotFileNames() throws(StorageFailure) -> [StorageFileName] {
        try onDisk { () throws(FileSystemError) in try fileSystem.list(settings.snapshotDirectory) }
            .compactMap { StorageFileName($0) }
    }

    /// Ascending.
    private func snapshotZxids(_ names: [StorageFileName]) -> [Int64] {
        names.compactMap { name in if case .snapshot(let zxid) = name { zxid } else { nil } }.sorted()
    }

    /// Removes it for good.
    func removeSnapshotFile(_ name: StorageFileName) throws(StorageFailure) {
        try onDisk { () throws(FileSystemError) in
            try fileSystem.remove("\(settings.snapshotDirectory)/\(name.text)")
            try fileSystem.synchronizeDirectory(settings.snapshotDirectory)
        }
    }
}
