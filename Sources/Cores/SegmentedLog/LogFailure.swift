import Seams

/// Why a log cannot go on as asked. Its directory's service should end: nothing is known about what was not synced.
package enum LogFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case disk(FileSystemError)
    /// A file holds what it must not, at a place that was sound when it was written.
    case corrupt(path: String, position: Int, reason: String)

    /// Whether only one partition's files are unsound, rather than the disk they are on.
    package var concernsOnePartition: Bool {
        switch self {
        case .corrupt: true
        // ENOTDIR, EISDIR: something else has the name of a file or directory.
        case .disk(let error): [20, 21].contains(error.code)
        }
    }

    /// Whether the disk has no room for what was written.
    package var isLackOfRoom: Bool {
        if case .disk(let error) = self { error.isLackOfRoom } else { false }
    }

    /// The file or directory that the failure was met at.
    package var path: String {
        switch self {
        case .corrupt(let path, _, _): path
        case .disk(let error): error.path
        }
    }

    package var description: String {
        switch self {
        case .disk(let error): error.description
        case .corrupt(let path, let position, let reason): "\(path) is corrupt at byte \(position): \(reason)"
        }
    }
}

/// Runs disk calls of which each failure is the log's.
func onDisk<Value>(_ body: () throws(FileSystemError) -> Value) throws(LogFailure) -> Value {
    do throws(FileSystemError) {
        return try body()
    } catch {
        throw .disk(error)
    }
}
