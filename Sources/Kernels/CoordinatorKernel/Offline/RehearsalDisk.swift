import Seams
import Synchronization

/// A disk for finding out what a start would do: it reads from the real one, and keeps in memory what is changed.
///
/// New files, renames and removals are seen as on any disk; changes of files that are there really are not.
package final class RehearsalDisk: FileSystem {
    private let real: any FileSystem
    /// What is new at a path; nil for what was removed.
    private let changes = Mutex<[String: RehearsalFile?]>([:])

    package init(of real: any FileSystem) { self.real = real }

    package func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any File {
        let change = changes.withLock { $0[path] }
        if case .some(.some(let file)) = change { return file }
        var isAbsent = change != nil
        if !isAbsent { isAbsent = try real.attributes(path) == nil }
        guard isAbsent && mode != .read else { return RehearsalFile(path: path, real: try real.open(path, .read)) }
        let file = RehearsalFile(path: path, real: nil)
        changes.withLock { $0[path] = .some(file) }
        return file
    }

    package func list(_ directory: String) throws(FileSystemError) -> [String] {
        var names = Set(try real.list(directory))
        changes.withLock { changes in
            for (path, file) in changes where path.hasPrefix(directory + "/") {
                let name = String(path.dropFirst(directory.count + 1))
                guard !name.contains("/") else { continue }
                if file == nil { names.remove(name) } else { names.insert(name) }
            }
        }
        return names.sorted()
    }

    package func attributes(_ path: String) throws(FileSystemError) -> FileAttributes? {
        guard let change = changes.withLock({ $0[path] }) else { return try real.attributes(path) }
        guard let file = change else { return nil }
        return FileAttributes(sizeInBytes: try file.size(), isDirectory: false, modifiedUnixMilliseconds: 0)
    }

    package func createDirectory(_ path: String) throws(FileSystemError) {}

    package func remove(_ path: String) throws(FileSystemError) {
        changes.withLock { $0[path] = .some(nil) }
    }

    package func rename(_ path: String, to target: String) throws(FileSystemError) {
        let change = changes.withLock { $0[path] }
        let file =
            if case .some(.some(let file)) = change { file } else {
                RehearsalFile(path: target, real: try real.open(path, .read))
            }
        changes.withLock { changes in
            changes[path] = .some(nil)
            changes[target] = .some(file)
        }
    }

    package func synchronizeDirectory(_ path: String) throws(FileSystemError) {}
}

private final class RehearsalFile: File {
    let path: String
    /// nil for a file that is not there really.
    private let real: (any File)?
    private let written = Mutex<[UInt8]>([])

    init(path: String, real: (any File)?) {
        self.path = path
        self.real = real
    }

    func size() throws(FileSystemError) -> Int {
        guard let real else { return written.withLock { $0.count } }
        return try real.size()
    }

    func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
        if let real { return try real.read(into: target, at: position) }
        let bytes = written.withLock { Array($0.dropFirst(position).prefix(target.count)) }
        target.copyBytes(from: bytes)
        return bytes.count
    }

    func write(_ source: UnsafeRawBufferPointer, at position: Int) throws(FileSystemError) {
        guard real == nil else { return }
        let bytes = Array(source)
        written.withLock { written in
            let end = position + bytes.count
            if written.count < end { written += [UInt8](repeating: 0, count: end - written.count) }
            written.replaceSubrange(position..<end, with: bytes)
        }
    }

    func truncate(to size: Int) throws(FileSystemError) {
        guard real == nil else { return }
        written.withLock { written in
            written =
                written.count >= size
                ? Array(written.prefix(size)) : written + [UInt8](repeating: 0, count: size - written.count)
        }
    }

    func synchronize() throws(FileSystemError) {}
}
