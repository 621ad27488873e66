import Glibc
import Seams
import Synchronization

/// A disk in memory that loses at a crash what nobody made durable, and that fails when told to.
///
/// Contents survive by a sync of their file, names by a sync of their directory, each separately. Of the rest the seed
/// chooses what stays: nothing, all, or parts. Renames work within one directory.
package final class SimulatedDisk: FileSystem {
    package enum Operation: String, Sendable {
        case open, read, write, truncate, synchronize, list, remove, rename, createDirectory, synchronizeDirectory

        var changesDisk: Bool { self != .read && self != .list && self != .open }
    }

    /// An error that operations meet from some point on.
    package struct Fault: Sendable {
        package var operation: Operation
        /// Of the files and directories whose path ends so.
        package var suffix: String
        /// How many such operations still succeed.
        package var after: Int
        /// The `errno` that the following one gives, once.
        package var code: Int32

        package init(_ operation: Operation, suffix: String = "", after: Int = 0, code: Int32 = EIO) {
            self.operation = operation
            self.suffix = suffix
            self.after = after
            self.code = code
        }
    }

    fileprivate enum Inode {
        case file(SimulatedContents)
        case directory(SimulatedDirectory)
    }

    fileprivate struct State {
        var inodes: [Inode] = [.directory(SimulatedDirectory())]
        var random: SeededRandom
        var faults: [Fault] = []
        /// How many changes are still made before all operations fail; nil for no limit.
        var changesLeft: Int?
        var changes = 0
        var syncs = 0
        var openFiles = 0
        var capacityInBytes = Int.max
        var longestFileInBytes = Int.max
        var unixMilliseconds: Int64 = 0
        /// Counts crashes.
        var life = 0
    }

    private let state: Mutex<State>

    package init(seed: UInt64 = 0) { state = Mutex(State(random: SeededRandom(seed: seed))) }

    // MARK: - What a test does to the disk

    package func inject(_ fault: Fault) { state.withLock { $0.faults.append(fault) } }

    /// After so many changes all operations fail, until the crash; the last write may be made in part.
    package func stop(afterChanges count: Int) { state.withLock { $0.changesLeft = count } }

    /// The stop is over and nothing was lost: as when a process is killed and another one takes its place.
    package func endStop() { state.withLock { $0.changesLeft = nil } }

    /// Whatever was to fail works from now on.
    package func heal() {
        state.withLock { state in
            state.faults.removeAll()
            state.changesLeft = nil
            state.capacityInBytes = .max
            state.longestFileInBytes = .max
        }
    }

    /// Whether nothing was set up to fail.
    package var isSound: Bool {
        state.withLock { state in
            state.faults.isEmpty && state.changesLeft == nil && state.capacityInBytes == .max
                && state.longestFileInBytes == .max
        }
    }

    /// Whether all operations fail, because of ``stop(afterChanges:)``.
    package var isStopped: Bool { state.withLock { $0.changesLeft == 0 } }

    /// All changes that were tried so far.
    package var changeCount: Int { state.withLock { $0.changes } }

    /// All syncs of files and directories that were tried so far.
    package var syncCount: Int { state.withLock { $0.syncs } }

    /// The open files that somebody holds.
    package var openFileCount: Int { state.withLock { $0.openFiles } }

    /// Writes that make the files together longer than this fail with `ENOSPC` and are made in part.
    package func limitCapacity(to sizeInBytes: Int) { state.withLock { $0.capacityInBytes = sizeInBytes } }

    /// Writes that make one file longer fail with `EFBIG` and are made in part.
    package func limitFiles(to sizeInBytes: Int) { state.withLock { $0.longestFileInBytes = sizeInBytes } }

    /// Of all files, also of those that were removed.
    package var sizeInBytes: Int { state.withLock { $0.sizeInBytes } }

    /// The calendar that dates files from here on, in milliseconds since 1970.
    package func setTime(unixMilliseconds: Int64) { state.withLock { $0.unixMilliseconds = unixMilliseconds } }

    /// The power goes and comes back. Open files are of no use any more; faults and stops are over.
    package func crash() {
        state.withLock { state in
            state.faults.removeAll()
            state.changesLeft = nil
            state.life += 1
            for place in state.inodes.indices {
                switch state.inodes[place] {
                case .file(var contents):
                    contents.crash(&state.random)
                    state.inodes[place] = .file(contents)
                case .directory(var directory):
                    directory.crash(&state.random)
                    state.inodes[place] = .directory(directory)
                }
            }
        }
    }

    /// Changes one byte of a file as rot does; the file must be that long.
    package func rot(_ path: String, at position: Int) {
        state.withLock { state in
            guard let inode = state.inode(at: path) else { preconditionFailure("no file \(path) to rot") }
            state.change(inode) { $0.rot(at: position) }
        }
    }

    // MARK: - FileSystem

    package func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any File {
        try with(.open, path) { state throws(FileSystemError) in
            if let inode = state.inode(at: path) {
                if mode == .createNew { throw Self.error(.open, path, EEXIST) }
                guard case .file = state.inodes[inode] else { throw Self.error(.open, path, EISDIR) }
                state.openFiles += 1
                return SimulatedFile(path, inode: inode, life: state.life, on: self)
            }
            guard mode != .read else { throw Self.error(.open, path, ENOENT) }
            let (parent, name) = try state.parent(of: path, for: .open)
            var contents = SimulatedContents()
            contents.modifiedUnixMilliseconds = state.unixMilliseconds
            state.inodes.append(.file(contents))
            state.rename(in: parent, [(name, state.inodes.count - 1)])
            state.openFiles += 1
            return SimulatedFile(path, inode: state.inodes.count - 1, life: state.life, on: self)
        }
    }

    package func list(_ directory: String) throws(FileSystemError) -> [String] {
        try with(.list, directory) { state throws(FileSystemError) in
            guard let inode = state.inode(at: directory) else { throw Self.error(.list, directory, ENOENT) }
            guard case .directory(let names) = state.inodes[inode] else {
                throw Self.error(.list, directory, ENOTDIR)
            }
            return names.live.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    package func attributes(_ path: String) throws(FileSystemError) -> FileAttributes? {
        try with(.read, path) { state throws(FileSystemError) in
            guard let inode = state.inode(at: path) else { return nil }
            switch state.inodes[inode] {
            case .directory: return FileAttributes(sizeInBytes: 0, isDirectory: true, modifiedUnixMilliseconds: 0)
            case .file(let contents):
                return FileAttributes(
                    sizeInBytes: contents.live.count, isDirectory: false,
                    modifiedUnixMilliseconds: contents.modifiedUnixMilliseconds)
            }
        }
    }

    package func createDirectory(_ path: String) throws(FileSystemError) {
        try with(.createDirectory, path) { state throws(FileSystemError) in
            var above = path.hasPrefix("/") ? "" : "."
            for name in path.split(separator: "/") {
                above += "/" + name
                guard state.inode(at: above) == nil else { continue }
                let (parent, name) = try state.parent(of: above, for: .createDirectory)
                state.inodes.append(.directory(SimulatedDirectory()))
                state.rename(in: parent, [(name, state.inodes.count - 1)])
            }
        }
    }

    package func remove(_ path: String) throws(FileSystemError) {
        try with(.remove, path) { state throws(FileSystemError) in
            guard let inode = state.inode(at: path) else { return }
            if case .directory(let names) = state.inodes[inode], !names.live.isEmpty {
                throw Self.error(.remove, path, ENOTEMPTY)
            }
            let (parent, name) = try state.parent(of: path, for: .remove)
            state.rename(in: parent, [(name, nil)])
        }
    }

    package func rename(_ path: String, to target: String) throws(FileSystemError) {
        try with(.rename, path) { state throws(FileSystemError) in
            guard let inode = state.inode(at: path) else { throw Self.error(.rename, path, ENOENT) }
            let (parent, name) = try state.parent(of: path, for: .rename)
            let (targetParent, targetName) = try state.parent(of: target, for: .rename)
            guard parent == targetParent else { throw Self.error(.rename, path, EXDEV) }
            state.rename(in: parent, [(name, nil), (targetName, inode)])
        }
    }

    package func synchronizeDirectory(_ path: String) throws(FileSystemError) {
        try with(.synchronizeDirectory, path) { state throws(FileSystemError) in
            guard let inode = state.inode(at: path), case .directory(var names) = state.inodes[inode] else {
                throw Self.error(.synchronizeDirectory, path, ENOENT)
            }
            names.synchronize()
            state.inodes[inode] = .directory(names)
        }
    }

    // MARK: - For open files

    func fileClosed() { state.withLock { $0.openFiles -= 1 } }

    func contents<Value: Sendable>(
        _ inode: Int, of life: Int, for operation: Operation, _ path: String,
        _ body: (inout SimulatedContents) -> Value
    ) throws(FileSystemError) -> Value {
        try with(operation, path) { state throws(FileSystemError) in
            guard life == state.life else { throw Self.error(operation, path, EIO) }
            return state.change(inode, body)
        }
    }

    func write(_ bytes: [UInt8], at position: Int, to inode: Int, of life: Int, _ path: String) throws(FileSystemError)
    {
        do throws(FileSystemError) {
            try with(.write, path) { state throws(FileSystemError) in
                guard life == state.life else { throw Self.error(.write, path, EIO) }
                guard position + bytes.count <= state.longestFileInBytes else { throw Self.error(.write, path, EFBIG) }
                let grown = max(0, position + bytes.count - state.size(of: inode))
                // Added up only where it matters.
                let isLimited = grown > 0 && state.capacityInBytes < .max
                guard !isLimited || state.sizeInBytes + grown <= state.capacityInBytes else {
                    throw Self.error(.write, path, ENOSPC)
                }
                let time = state.unixMilliseconds
                state.change(inode) { contents in
                    contents.make(.write(position: position, bytes: bytes))
                    contents.modifiedUnixMilliseconds = time
                }
            }
        } catch {
            state.withLock { state in
                guard life == state.life else { return }
                let count = Int.random(in: 0...bytes.count, using: &state.random)
                state.change(inode) { $0.make(.write(position: position, bytes: Array(bytes[..<count]))) }
            }
            throw error
        }
    }

    func failSynchronizing(_ inode: Int, of life: Int) {
        state.withLock { state in
            if life == state.life { state.change(inode) { $0.failSynchronizing() } }
        }
    }

    /// Runs one operation, unless it is to fail.
    private func with<Value: Sendable>(
        _ operation: Operation, _ path: String, _ body: (inout State) throws(FileSystemError) -> Value
    ) throws(FileSystemError) -> Value {
        try state.withLock { state throws(FileSystemError) in
            if operation.changesDisk { state.changes += 1 }
            if operation == .synchronize || operation == .synchronizeDirectory { state.syncs += 1 }
            if let left = state.changesLeft {
                guard left > 0 else { throw Self.error(operation, path, EIO) }
                if operation.changesDisk { state.changesLeft = left - 1 }
            }
            for place in state.faults.indices
            where state.faults[place].operation == operation && path.hasSuffix(state.faults[place].suffix) {
                state.faults[place].after -= 1
                guard state.faults[place].after < 0 else { continue }
                throw Self.error(operation, path, state.faults.remove(at: place).code)
            }
            return try body(&state)
        }
    }

    private static func error(_ operation: Operation, _ path: String, _ code: Int32) -> FileSystemError {
        FileSystemError(operation: operation.rawValue, path: path, code: code, reason: String(cString: strerror(code)))
    }
}

extension SimulatedDisk.State {
    /// What a path stands for; `.` is the root.
    func inode(at path: String) -> Int? {
        var inode = 0
        for name in path.split(separator: "/") where name != "." {
            guard case .directory(let names) = inodes[inode], let next = names.live[String(name)] else { return nil }
            inode = next
        }
        return inode
    }

    func parent(
        of path: String, for operation: SimulatedDisk.Operation
    ) throws(FileSystemError) -> (inode: Int, name: String) {
        let names = path.split(separator: "/")
        guard let last = names.last, let inode = inode(at: names.dropLast().joined(separator: "/")),
            case .directory = inodes[inode]
        else {
            throw FileSystemError(
                operation: operation.rawValue, path: path, code: ENOENT, reason: "its directory is absent")
        }
        return (inode, String(last))
    }

    mutating func rename(in inode: Int, _ change: SimulatedDirectory.Change) {
        guard case .directory(var names) = inodes[inode] else { preconditionFailure("inode \(inode) is no directory") }
        names.make(change)
        inodes[inode] = .directory(names)
    }

    mutating func change<Value>(_ inode: Int, _ body: (inout SimulatedContents) -> Value) -> Value {
        guard case .file(var contents) = inodes[inode] else { preconditionFailure("inode \(inode) is no file") }
        // Without this the contents would be copied by the first change.
        inodes[inode] = .file(SimulatedContents())
        defer { inodes[inode] = .file(contents) }
        return body(&contents)
    }

    /// Of all files, also those whose names are gone.
    var sizeInBytes: Int { inodes.indices.reduce(0) { $0 + size(of: $1) } }

    /// 0 for a directory.
    func size(of inode: Int) -> Int {
        if case .file(let contents) = inodes[inode] { contents.live.count } else { 0 }
    }
}
