import Glibc
import Seams

/// One process's claim on a data directory, by a lock on its file `.lock`, as Apache Kafka's brokers claim theirs:
/// either one refuses a directory that the other holds. Ends when the object goes, or the process however it ends.
package final class DirectoryLock: Sendable {
    /// Why a directory cannot be claimed.
    package enum Refusal: Error, Sendable, CustomStringConvertible {
        case heldByAnother(directory: String)
        case failed(FileSystemError)

        package var description: String {
            switch self {
            case .heldByAnother(let directory): "\(directory) is in use by another process"
            case .failed(let error): error.description
            }
        }
    }

    /// Locks that open file descriptions own (`F_OFD_SETLK`, Linux): they meet POSIX locks as well as those of
    /// other threads, and a stray close in this process does not drop them.
    private static let setOwnedLock: CInt = 37

    private let file: PosixFile

    /// Claims `directory`, which must exist.
    package init(_ directory: String) throws(Refusal) {
        let path = directory + "/.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .failed(.last("lock", path)) }
        file = PosixFile(path: path, descriptor: descriptor)
        var whole = flock()
        whole.l_type = Int16(F_WRLCK)
        whole.l_whence = Int16(SEEK_SET)
        guard fcntl(descriptor, Self.setOwnedLock, &whole) == 0 else {
            if errno == EAGAIN || errno == EACCES { throw .heldByAnother(directory: directory) }
            throw .failed(.last("lock", path))
        }
    }
}
