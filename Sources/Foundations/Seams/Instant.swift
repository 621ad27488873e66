/// A moment as a core sees it: a steady clock for deadlines and the calendar for what is written down.
///
/// Instants are ordered by the steady clock alone; the calendar may step in either direction between two of them.
package struct Instant: Sendable, Comparable, Hashable {
    /// Nanoseconds of a steady clock since an arbitrary start; never goes back.
    package var nanoseconds: Int64
    /// Milliseconds since 1970-01-01T00:00:00Z, as the machine's calendar says.
    package var unixMilliseconds: Int64

    package init(nanoseconds: Int64, unixMilliseconds: Int64) {
        self.nanoseconds = nanoseconds
        self.unixMilliseconds = unixMilliseconds
    }

    /// Later than any moment a process lives to see; nothing can be added to it.
    package static let never = Instant(nanoseconds: .max, unixMilliseconds: .max)

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    package static func + (instant: Instant, duration: Duration) -> Instant {
        Instant(
            nanoseconds: instant.nanoseconds + duration.nanoseconds,
            unixMilliseconds: instant.unixMilliseconds + duration.nanoseconds / 1_000_000)
    }

    /// The time from `earlier` to `later` by the steady clock.
    package static func - (later: Instant, earlier: Instant) -> Duration {
        .nanoseconds(later.nanoseconds - earlier.nanoseconds)
    }
}

extension Duration {
    /// The whole duration in nanoseconds, rounded down; 292 years fit.
    package var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }

    /// Whole milliseconds, rounded down.
    package var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
