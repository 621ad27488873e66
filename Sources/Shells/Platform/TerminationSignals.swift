import Glibc

/// SIGTERM and SIGINT as something to wait for. Made once, first thing in `main`: threads that exist already would
/// still be killed by them.
package struct TerminationSignals: Sendable {
    package init() {
        // A peer that has gone away is an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        var signals = Self.set
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    private static var set: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        return signals
    }

    /// Calls `handle` with the name of the first signal that comes, on a thread of its own. A second one ends the
    /// process at once.
    package func whenFirstComes(_ handle: @escaping @Sendable (String) -> Void) {
        _ = OwnThread(name: "signals") {
            var signals = Self.set
            var number: CInt = 0
            while sigwait(&signals, &number) != 0 {}
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            handle(number == SIGTERM ? "SIGTERM" : "SIGINT")
            while true { pause() }
        }
    }
}
