import Seams

/// A member's clocks: a steady one of its own speed, and a calendar that is set now and then.
struct SkewedClock {
    /// Of the member's time against the simulation's.
    var perMille = 1000
    var calendarOffsetInMilliseconds: Int64 = 0

    /// - Parameter time: the simulation's, in nanoseconds.
    func instant(at time: Int64) -> Instant {
        Instant(
            nanoseconds: time / 1000 * Int64(perMille),
            unixMilliseconds: 1_800_000_000_000 + time / 1_000_000 + calendarOffsetInMilliseconds)
    }
}
