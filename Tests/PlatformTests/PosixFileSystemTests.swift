import Glibc
import Platform
import Seams
import Synchronization
import Testing

/// A directory of its own for each test, gone afterwards.
private struct Scratch: ~Copyable {
    let path: String

    init() {
        var template = Array("/tmp/martlet-platform-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, mkdtemp(base) != nil else { return "/nonexistent" }
            return String(cString: base)
        }
    }

    deinit {
        Self.removeAll(path)
    }

    private static func removeAll(_ path: String) {
        let disk = PosixFileSystem()
        do {
            if try disk.attributes(path)?.isDirectory == true {
                for name in try disk.list(path) { removeAll(path + "/" + name) }
            }
            try disk.remove(path)
        } catch {
            Issue.record("left behind: \(error)")
        }
    }
}

private func write(_ text: String, to file: any File, at position: Int) throws(FileSystemError) {
    let bytes = Array(text.utf8)
    let outcome: Result<Void, FileSystemError> = bytes.withUnsafeBytes { raw in
        do throws(FileSystemError) { return .success(try file.write(raw, at: position)) } catch {
            return .failure(error)
        }
    }
    try outcome.get()
}

private func read(_ count: Int, from file: any File, at position: Int) throws -> String {
    let target = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
    defer { target.deallocate() }
    let got = try file.read(into: target, at: position)
    return String(decoding: target[..<got], as: UTF8.self)
}

@Suite struct PosixFileSystemTests {
    let disk = PosixFileSystem()

    @Test func filesGrowShrinkAndAreRead() throws {
        let scratch = Scratch()
        let file = try disk.open(scratch.path + "/a", .createNew)
        try write("hello world", to: file, at: 0)
        try write("W", to: file, at: 6)
        #expect(try file.size() == 11)
        #expect(try read(100, from: file, at: 6) == "World")
        try file.truncate(to: 5)
        try file.synchronize()
        #expect(try read(100, from: file, at: 0) == "hello")
        #expect(try read(4, from: file, at: 5) == "")
        #expect((file as? any DescriptorFile)?.descriptor ?? -1 >= 0)
        #expect(throws: FileSystemError.self) { try disk.open(scratch.path + "/a", .createNew) }
        #expect(throws: FileSystemError.self) { try disk.open(scratch.path + "/absent", .read) }
    }

    @Test func directoriesAreMadeListedRenamedAndRemoved() throws {
        let scratch = Scratch()
        try disk.createDirectory(scratch.path + "/x/y/z")
        try disk.createDirectory(scratch.path + "/x/y/z")
        for name in ["b", "a", "ü"] { _ = try disk.open(scratch.path + "/x/" + name, .createNew) }
        #expect(try disk.list(scratch.path + "/x") == ["a", "b", "y", "ü"])
        try disk.rename(scratch.path + "/x/a", to: scratch.path + "/x/b")
        try disk.synchronizeDirectory(scratch.path + "/x")
        #expect(try disk.list(scratch.path + "/x") == ["b", "y", "ü"])
        #expect(throws: FileSystemError.self) { try disk.remove(scratch.path + "/x") }
        try disk.remove(scratch.path + "/x/y/z")
        try disk.remove(scratch.path + "/x/y/z")
        #expect(try disk.attributes(scratch.path + "/x/y/z") == nil)
        #expect(try disk.attributes(scratch.path + "/x/y")?.isDirectory == true)
        #expect(throws: FileSystemError.self) { try disk.createDirectory(scratch.path + "/x/b") }
    }

    @Test func aFullDiskIsOneError() throws {
        let full = try disk.open("/dev/full", .readWrite)
        let error = #expect(throws: FileSystemError.self) { try write("x", to: full, at: 0) }
        #expect(error?.code == ENOSPC)
        #expect(error?.description == "cannot write /dev/full: No space left on device")
    }

    @Test func aDirectoryIsLockedOnce() throws {
        let scratch = Scratch()
        var lock: DirectoryLock? = try DirectoryLock(scratch.path)
        #expect(lock != nil)
        let refusal = #expect(throws: DirectoryLock.Refusal.self) { try DirectoryLock(scratch.path) }
        #expect(refusal?.description == "\(scratch.path) is in use by another process")
        lock = nil
        _ = try DirectoryLock(scratch.path)
    }

    @Test func theClockDoesNotGoBack() {
        let clock = SystemClock()
        let first = clock.now()
        let second = clock.now()
        #expect(first <= second)
        #expect(first.unixMilliseconds > 1_700_000_000_000)
    }

    @Test func theRoomOfADiskIsTold() throws {
        let scratch = Scratch()
        let room = try #require(try disk.room(at: scratch.path))
        #expect(room.totalBytes > 0 && (0...room.totalBytes).contains(room.usableBytes))
        #expect(throws: FileSystemError.self) { try disk.room(at: scratch.path + "/absent") }
    }

    @Test func manyFilesAndDirectoriesAreSyncedOnceAndAnErrorIsTold() throws {
        let scratch = Scratch()
        let files = (0..<100).map { CountingFile("\($0)") }
        let directories = Array(repeating: scratch.path, count: 20)
        try disk.synchronize(files, thenDirectories: directories)
        #expect(files.allSatisfy { $0.syncCount == 1 })
        try disk.synchronize([], thenDirectories: [])
        let broken = CountingFile("broken", fails: true)
        #expect(throws: broken.error) { try disk.synchronize(files + [broken], thenDirectories: []) }
        #expect(throws: FileSystemError.self) {
            try disk.synchronize(files, thenDirectories: directories + [scratch.path + "/absent"])
        }
    }
}

/// Counts its syncs.
private final class CountingFile: File {
    let path: String
    private let fails: Bool
    private let count = Mutex(0)

    init(_ path: String, fails: Bool = false) {
        self.path = path
        self.fails = fails
    }

    var syncCount: Int { count.withLock { $0 } }
    var error: FileSystemError { FileSystemError(operation: "synchronize", path: path, code: 5, reason: "broken") }

    func synchronize() throws(FileSystemError) {
        count.withLock { $0 += 1 }
        if fails { throw error }
    }

    func size() throws(FileSystemError) -> Int { 0 }
    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int { 0 }
    func write(_ source: UnsafeRawBufferPointer, at position: Int) throws(FileSystemError) {}
    func truncate(to size: Int) throws(FileSystemError) {}
}
