import Seams
import Synchronization

/// Calls that wait for the disk, made by a few threads: a file system's journal takes what several of them wait for in
/// one go.
enum SynchronousCalls {
    private static let threads = 16

    /// Calls `body` with each number below `count`, in any order.
    /// - Throws: the error that was met first; then not all calls may have been made.
    static func perform(
        _ count: Int, _ body: @escaping @Sendable (Int) throws(FileSystemError) -> Void
    ) throws(FileSystemError) {
        guard count > 1 else {
            if count == 1 { try body(0) }
            return
        }
        let progress = Progress()
        let workers = (0..<min(threads, count)).map { _ in
            OwnThread(name: "sync") {
                while let next = progress.next(of: count) {
                    do throws(FileSystemError) { try body(next) } catch { progress.end(with: error) }
                }
            }
        }
        for worker in workers { worker.join() }
        if let error = progress.error { throw error }
    }

    private final class Progress: Sendable {
        private struct State {
            var next = 0
            var error: FileSystemError?
        }

        private let state = Mutex(State())

        var error: FileSystemError? { state.withLock { $0.error } }

        func next(of count: Int) -> Int? {
            state.withLock { state in
                guard state.error == nil, state.next < count else { return nil }
                state.next += 1
                return state.next - 1
            }
        }

        func end(with error: FileSystemError) { state.withLock { $0.error = $0.error ?? error } }
    }
}
