import Glibc
import Seams

/// An open file of the kernel.
///
/// Invariant: `descriptor` is open from the first to the last reference.
package final class PosixFile: DescriptorFile {
    package let path: String
    package let descriptor: CInt

    /// Takes over `descriptor`, which must be open.
    init(path: String, descriptor: CInt) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    package func size() throws(FileSystemError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("examine", path) }
        return Int(status.st_size)
    }

    package func read(into target: UnsafeMutableRawBufferPointer, at position: Int) throws(FileSystemError) -> Int {
        guard let base = target.baseAddress else { return 0 }
        var done = 0
        while done < target.count {
            let count = pread(descriptor, base + done, target.count - done, off_t(position + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw .last("read", path)
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    package func write(_ source: UnsafeRawBufferPointer, at position: Int) throws(FileSystemError) {
        guard let base = source.baseAddress else { return }
        var done = 0
        while done < source.count {
            let count = pwrite(descriptor, base + done, source.count - done, off_t(position + done))
            if count < 0 {
                if errno == EINTR { continue }
                throw .last("write", path)
            }
            done += count
        }
    }

    package func truncate(to size: Int) throws(FileSystemError) {
        while ftruncate(descriptor, off_t(size)) != 0 {
            if errno != EINTR { throw .last("truncate", path) }
        }
    }

    package func synchronize() throws(FileSystemError) {
        // Not repeated on any error: after one the kernel may have dropped the pages and call them clean.
        guard fdatasync(descriptor) == 0 else { throw .last("synchronize", path) }
    }
}

extension FileSystemError {
    /// The error that `errno` tells of, right after the call that failed.
    static func last(_ operation: String, _ path: String) -> FileSystemError {
        let code = errno
        return FileSystemError(operation: operation, path: path, code: code, reason: String(cString: strerror(code)))
    }
}
