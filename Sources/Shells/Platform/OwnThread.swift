import CLinux
import Glibc
import Seams

/// A named thread that runs one function from its start to its end.
package struct OwnThread: Sendable {
    private let thread: pthread_t

    /// Starts the thread. `name` is what `ps -L` and `perf` show; 15 bytes at most count.
    package init(name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, runStart, start.toOpaque())
        precondition(result == 0, "cannot start thread \(name): error \(result)")
        self.thread = thread
    }

    /// Waits until the function has returned. Once only.
    package func join() {
        pthread_join(thread, nil)
    }
}

private final class Start {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func runStart(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let pointer else { return nil }
    let start = Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue()
    martlet_name_thread(start.name)
    start.body()
    return nil
}

/// Makes the calling thread, which must be one of its own, wait.
package func sleepThread(_ duration: Duration) {
    let nanoseconds = max(0, duration.nanoseconds)
    var rest = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    withUnsafeMutablePointer(to: &rest) { rest in
        while nanosleep(rest, rest) != 0 && errno == EINTR {}
    }
}
