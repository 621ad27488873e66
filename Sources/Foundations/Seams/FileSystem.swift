/// The disk as cores see it; calls block. The real one is in `Platform`, the simulated one in `Simulation`.
///
/// Paths are absolute, or relative to the process's working directory, with `/` between names.
package protocol FileSystem: Sendable {
    /// Opens a file for reading and, as `mode` says, for writing.
    func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any File
    /// The names in a directory, sorted by their bytes, without `.` and `..`.
    func list(_ directory: String) throws(FileSystemError) -> [String]
    /// What is at `path`; nil when nothing is.
    func attributes(_ path: String) throws(FileSystemError) -> FileAttributes?
    /// Creates a directory and those above it; no error when it is there.
    func createDirectory(_ path: String) throws(FileSystemError)
    /// Removes a file or an empty directory; no error when it is absent.
    func remove(_ path: String) throws(FileSystemError)
    /// Renames atomically, replacing what was at `target`.
    func rename(_ path: String, to target: String) throws(FileSystemError)
    /// Makes creations, renames and removals in this directory durable.
    func synchronizeDirectory(_ path: String) throws(FileSystemError)
    /// Makes many files durable, and then what many directories say of their names; beside each other where that is
    /// faster. After an error nothing is known about any of them.
    func synchronize(_ files: [any File], thenDirectories directories: [String]) throws(FileSystemError)
    /// The room of the disk that a directory lies on; nil where that is not known.
    func room(at directory: String) throws(FileSystemError) -> DiskRoom?
}

extension FileSystem {
    package func synchronize(_ files: [any File], thenDirectories directories: [String]) throws(FileSystemError) {
        for file in files { try file.synchronize() }
        for directory in directories { try synchronizeDirectory(directory) }
    }

    package func room(at directory: String) throws(FileSystemError) -> DiskRoom? { nil }
}

/// The room of a disk.
package struct DiskRoom: Sendable, Equatable {
    package var totalBytes: Int64
    /// What this process may still fill.
    package var usableBytes: Int64

    package init(totalBytes: Int64, usableBytes: Int64) {
        self.totalBytes = totalBytes
        self.usableBytes = usableBytes
    }

    /// What mirrors leave free: a broker writes notes of its own, and cannot go on where there is no room for them.
    package var reserveBytes: Int64 { min(64 << 20, totalBytes / 16) }
}

package enum OpenMode: Sendable {
    case read
    /// Read and write; created empty when absent.
    case readWrite
    /// Read and write; must not exist yet.
    case createNew
}

package struct FileAttributes: Sendable, Equatable {
    package var sizeInBytes: Int
    package var isDirectory: Bool
    /// Last change of the contents, in milliseconds since 1970.
    package var modifiedUnixMilliseconds: Int64

    package init(sizeInBytes: Int, isDirectory: Bool, modifiedUnixMilliseconds: Int64) {
        self.sizeInBytes = sizeInBytes
        self.isDirectory = isDirectory
        self.modifiedUnixMilliseconds = modifiedUnixMilliseconds
    }
}

/// An open file; closed when the last reference goes. Reads and writes name their position, so that readers on other
/// threads need no lock; writes to one file come from one thread at a time.
package protocol File: AnyObject, Sendable {
    /// The path it was opened by, for messages.
    var path: String { get }
    func size() throws(FileSystemError) -> Int
    /// Fills `target` from `position` on. Returns the bytes read: fewer only at the end of the file.
    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int
    /// Writes all of `source` at `position`; the file grows as needed. After an error an unknown part was written.
    func write(_ source: UnsafeRawBufferPointer, at position: Int) throws(FileSystemError)
    /// Cuts or extends (with zeros) to `size` bytes.
    func truncate(to size: Int) throws(FileSystemError)
    /// Makes contents and size durable (`fdatasync`). After a failure nothing is known about unsynced writes.
    func synchronize() throws(FileSystemError)
}

/// Why the disk refused.
package struct FileSystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried: `open`, `write`, …
    package var operation: String
    package var path: String
    /// The `errno` of Linux.
    package var code: Int32
    /// The system's text for `code`.
    package var reason: String

    package init(operation: String, path: String, code: Int32, reason: String) {
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason
    }

    package var description: String { "cannot \(operation) \(path): \(reason)" }

    /// Whether the disk, the quota or the longest file that is allowed has no room for what was written: trouble that
    /// passes when somebody makes room. The codes are EFBIG, ENOSPC and EDQUOT.
    package var isLackOfRoom: Bool { [Self.fileTooLargeCode, 28, 122].contains(code) }

    /// Whether the file, rather than the disk, has reached its largest size (EFBIG).
    package var isLimitOfFile: Bool { code == Self.fileTooLargeCode }

    private static let fileTooLargeCode: Int32 = 27
}
