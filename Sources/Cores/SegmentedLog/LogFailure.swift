import Seams

/// Why a log cannot go on as asked. Its directory's service should end: nothing is known about what was not synced.
package enum LogFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case disk(FileSystemError)
    /// A file holds what it must not, at a place that was sound when it was written.
    case corrupt(path: String, position: Int, reason: String)

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
