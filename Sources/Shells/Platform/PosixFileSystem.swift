import Glibc
import Seams

/// The machine's file system.
package struct PosixFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any File {
        let flags: CInt =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR | O_CREAT
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            }
        while true {
            let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { return PosixFile(path: path, descriptor: descriptor) }
            if errno != EINTR { throw .last("open", path) }
        }
    }

    package func list(_ directory: String) throws(FileSystemError) -> [String] {
        guard let stream = opendir(directory) else { throw .last("list", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw .last("list", directory) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package func attributes(_ path: String) throws(FileSystemError) -> FileAttributes? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .last("examine", path)
        }
        return FileAttributes(
            sizeInBytes: Int(status.st_size), isDirectory: status.st_mode & S_IFMT == S_IFDIR,
            modifiedUnixMilliseconds: Int64(status.st_mtim.tv_sec) * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
    }

    package func room(at directory: String) throws(FileSystemError) -> DiskRoom? {
        var status = statvfs()
        while statvfs(directory, &status) != 0 {
            if errno != EINTR { throw .last("examine the disk of", directory) }
        }
        let unit = Int64(status.f_frsize)
        return DiskRoom(
            totalBytes: Int64(clamping: status.f_blocks) * unit, usableBytes: Int64(clamping: status.f_bavail) * unit)
    }

    package func createDirectory(_ path: String) throws(FileSystemError) {
        if mkdir(path, 0o755) == 0 { return }
        switch errno {
        case EEXIST:
            guard let found = try attributes(path), found.isDirectory else {
                throw FileSystemError(
                    operation: "create directory", path: path, code: ENOTDIR, reason: "a file is in its place")
            }
        case ENOENT:
            guard let slash = path.utf8.dropLast().lastIndex(of: UInt8(ascii: "/")), slash > path.startIndex else {
                throw .last("create directory", path)
            }
            try createDirectory(String(path[..<slash]))
            guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .last("create directory", path) }
        default:
            throw .last("create directory", path)
        }
    }

    package func remove(_ path: String) throws(FileSystemError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        // Linux answers EISDIR for a directory, other kernels EPERM.
        guard errno == EISDIR || errno == EPERM else { throw .last("remove", path) }
        guard rmdir(path) == 0 || errno == ENOENT else { throw .last("remove", path) }
    }

    package func rename(_ path: String, to target: String) throws(FileSystemError) {
        guard Glibc.rename(path, target) == 0 else { throw .last("rename", path) }
    }

    package func synchronizeDirectory(_ path: String) throws(FileSystemError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last("synchronize", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last("synchronize", path) }
    }

    package func synchronize(_ files: [any File], thenDirectories directories: [String]) throws(FileSystemError) {
        try SynchronousCalls.perform(files.count) { place throws(FileSystemError) in try files[place].synchronize() }
        try SynchronousCalls.perform(directories.count) { place throws(FileSystemError) in
            try synchronizeDirectory(directories[place])
        }
    }
}
