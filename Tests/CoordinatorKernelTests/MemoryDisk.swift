import Glibc
import Seams
import Synchronization

/// A disk in memory that crashes: of what was not synced, any part may be lost, sector by sector; names that were not
/// synced with their directory may be as they were before.
final class MemoryDisk: FileSystem {
    final class Contents: Sendable {
        struct State {
            var live: [UInt8] = []
            var durable: [UInt8] = []
        }
        let state = Mutex(State())
    }

    struct State {
        var names: [String: Contents] = [:]
        var durableNames: [String: Contents] = [:]
        var directories: Set<String> = []
        /// Writes and syncs until the disk stops; nil for never.
        var operationsLeft: Int?
    }

    let state = Mutex(State())

    /// Lets all operations fail after `count` more writes and syncs.
    func stop(after count: Int) { state.withLock { $0.operationsLeft = count } }

    /// What power failure leaves. Operations succeed again.
    func crash(_ random: inout some RandomNumberGenerator) {
        let losesNames = Bool.random(using: &random)
        state.withLock { state in
            state.operationsLeft = nil
            if losesNames { state.names = state.durableNames }
            for name in state.names.keys.sorted() { state.names[name]?.crash(&random) }
            state.durableNames = state.names
        }
    }

    func file(_ path: String) -> [UInt8]? { state.withLock { $0.names[path] }?.state.withLock { $0.live } }

    /// Changes bytes as rot would: durably.
    func rot(_ path: String, at position: Int) {
        state.withLock { $0.names[path] }?.state.withLock { contents in
            contents.live[position] ^= 0xff
            contents.durable = contents.live
        }
    }

    fileprivate func count(_ operation: String, _ path: String) throws(FileSystemError) {
        let mayGoOn = state.withLock { state in
            guard let left = state.operationsLeft else { return true }
            state.operationsLeft = max(0, left - 1)
            return left > 0
        }
        if !mayGoOn { throw FileSystemError(operation: operation, path: path, code: EIO, reason: "stopped") }
    }

    func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any File {
        try count("open", path)
        let contents: Contents? = state.withLock { state in
            if let present = state.names[path] { return mode == .createNew ? nil : present }
            guard mode != .read else { return nil }
            let new = Contents()
            state.names[path] = new
            return new
        }
        guard let contents else {
            throw FileSystemError(operation: "open", path: path, code: ENOENT, reason: "absent, or there already")
        }
        return MemoryFile(path: path, contents: contents, disk: self)
    }

    func list(_ directory: String) throws(FileSystemError) -> [String] {
        state.withLock { state in
            let paths: [String] = Array(state.names.keys) + Array(state.directories)
            let below = paths.filter { $0.hasPrefix(directory + "/") }.map { $0.dropFirst(directory.count + 1) }
            return below.filter { !$0.contains("/") }.map { String($0) }.sorted()
        }
    }

    func attributes(_ path: String) throws(FileSystemError) -> FileAttributes? {
        if let bytes = file(path) {
            return FileAttributes(sizeInBytes: bytes.count, isDirectory: false, modifiedUnixMilliseconds: 0)
        }
        return state.withLock { $0.directories.contains(path) }
            ? FileAttributes(sizeInBytes: 0, isDirectory: true, modifiedUnixMilliseconds: 0) : nil
    }

    func createDirectory(_ path: String) throws(FileSystemError) {
        state.withLock { _ = $0.directories.insert(path) }
    }

    func remove(_ path: String) throws(FileSystemError) {
        try count("remove", path)
        state.withLock { _ = $0.names.removeValue(forKey: path) }
    }

    func rename(_ path: String, to target: String) throws(FileSystemError) {
        try count("rename", path)
        state.withLock { $0.names[target] = $0.names.removeValue(forKey: path) }
    }

    func synchronizeDirectory(_ path: String) throws(FileSystemError) {
        try count("synchronize", path)
        state.withLock { state in
            let (names, durable) = (state.names, state.durableNames)
            for name in Set(names.keys).union(durable.keys) where name.hasPrefix(path + "/") {
                state.durableNames[name] = names[name]
            }
        }
    }
}

extension MemoryDisk.Contents {
    fileprivate func crash(_ random: inout some RandomNumberGenerator) {
        // Three in four crashes lose some sectors; the others lose all or nothing of this file.
        let loss = Int.random(in: 0...3, using: &random)
        state.withLock { state in
            var after = Bool.random(using: &random) ? state.live : state.durable
            if loss > 0 {
                after = state.durable
                for start in stride(from: 0, to: state.live.count, by: 512) where Bool.random(using: &random) {
                    let end = min(start + 512, state.live.count)
                    while after.count < end { after.append(0) }
                    after.replaceSubrange(start..<end, with: state.live[start..<end])
                }
            }
            state.live = after
            state.durable = after
        }
    }
}

private final class MemoryFile: File {
    let path: String
    let contents: MemoryDisk.Contents
    let disk: MemoryDisk

    init(path: String, contents: MemoryDisk.Contents, disk: MemoryDisk) {
        self.path = path
        self.contents = contents
        self.disk = disk
    }

    func size() throws(FileSystemError) -> Int { contents.state.withLock { $0.live.count } }

    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
        let bytes = contents.state.withLock { Array($0.live.dropFirst(position).prefix(target.count)) }
        target.copyBytes(from: bytes)
        return bytes.count
    }

    func write(_ source: UnsafeRawBufferPointer, at position: Int) throws(FileSystemError) {
        let bytes = Array(source)
        contents.state.withLock { state in
            while state.live.count < position { state.live.append(0) }
            let end = min(state.live.count, position + bytes.count)
            state.live.replaceSubrange(position..<end, with: bytes)
        }
        // The write that is cut short has reached the cache: a crash may keep any part of it.
        try disk.count("write", path)
    }

    func truncate(to size: Int) throws(FileSystemError) {
        try disk.count("truncate", path)
        contents.state.withLock { state in
            if state.live.count > size { state.live.removeLast(state.live.count - size) }
            while state.live.count < size { state.live.append(0) }
        }
    }

    func synchronize() throws(FileSystemError) {
        try disk.count("synchronize", path)
        contents.state.withLock { $0.durable = $0.live }
    }
}

/// Small and good enough for tests; the same numbers for the same seed.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_f491_4f6c_dd1d
    }
}
