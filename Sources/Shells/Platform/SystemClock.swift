import Glibc
import Seams

/// The machine's clocks.
package struct SystemClock: Sendable {
    package init() {}

    package func now() -> Instant {
        let calendar = read(CLOCK_REALTIME)
        return Instant(nanoseconds: read(CLOCK_MONOTONIC), unixMilliseconds: calendar / 1_000_000)
    }

    private func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let outcome = clock_gettime(clock, &time)
        precondition(outcome == 0, "clock \(clock) cannot be read: errno \(errno)")
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
