import Glibc
import Synchronization

/// Where the signal handler writes the number of the signal; -1 before there is anything to write to.
private let signalPipe = Atomic<CInt>(-1)

private func noteSignal(_ number: CInt) {
    var byte = UInt8(truncatingIfNeeded: number)
    // Of what a handler may call, this is all it needs; a full pipe has been told already.
    _ = write(signalPipe.load(ordering: .relaxed), &byte, 1)
}

/// SIGTERM and SIGINT as something to react to. Made once a process.
package struct TerminationSignals: Sendable {
    private static let numbers = [SIGTERM, SIGINT]
    private let readingEnd: CInt

    package init() {
        var ends: [CInt] = [-1, -1]
        let outcome = pipe(&ends)
        precondition(outcome == 0, "no pipe for signals: errno \(errno)")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readingEnd = ends[0]
        signalPipe.store(ends[1], ordering: .relaxed)
        for number in Self.numbers { signal(number, noteSignal) }
        // A peer that has gone away is an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // So is a file that may not become any longer.
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Calls `handle` with the name of the first signal that comes, on a thread of its own. A second one ends the
    /// process at once.
    package func whenFirstComes(_ handle: @escaping @Sendable (String) -> Void) {
        _ = OwnThread(name: "signals") { [readingEnd] in
            var byte: UInt8 = 0
            while read(readingEnd, &byte, 1) < 0 && errno == EINTR {}
            for number in Self.numbers { signal(number, SIG_DFL) }
            handle(CInt(byte) == SIGTERM ? "SIGTERM" : "SIGINT")
        }
    }
}
