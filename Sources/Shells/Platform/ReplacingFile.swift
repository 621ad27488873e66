import Glibc
import Seams

extension PosixFileSystem {
    /// Replaces what a file holds: whoever reads it sees all of the old or all of the new text. Durable on return.
    ///
    /// The new file has the permissions of the one that it replaces, or of the one at `model`; else all may read it.
    package func replace(_ path: String, by text: String, like model: String? = nil) throws(FileSystemError) {
        let partial = path + ".partial"
        try remove(partial)
        var status = stat()
        let hasModel = stat(model ?? path, &status) == 0
        // Secrets of the old file are not shown for a moment either.
        let descriptor = Glibc.open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, hasModel ? 0o600 : 0o644)
        guard descriptor >= 0 else { throw .last("open", partial) }
        let file = PosixFile(path: partial, descriptor: descriptor)
        if hasModel { try adopt(status, descriptor, partial) }
        let bytes = Array(text.utf8)
        let written = bytes.withUnsafeBytes { bytes in
            Result { () throws(FileSystemError) in try file.write(bytes, at: 0) }
        }
        try written.get()
        try file.synchronize()
        try rename(partial, to: path)
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        try synchronizeDirectory(slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
    }

    /// Gives a new file the owner, as far as this process may, and the permissions of another.
    private func adopt(_ status: stat, _ descriptor: CInt, _ path: String) throws(FileSystemError) {
        let isOwned = fchown(descriptor, status.st_uid, status.st_gid) == 0
        // What a group may do is for the old group alone.
        let mode = isOwned ? status.st_mode & 0o777 : status.st_mode & 0o707
        guard fchmod(descriptor, mode) == 0 else { throw .last("change the permissions of", path) }
    }
}
