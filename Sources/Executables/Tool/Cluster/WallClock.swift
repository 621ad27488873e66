import Glibc

/// The time as records carry it.
enum WallClock {
    /// Since 1970.
    static func milliseconds() -> Int64 { Int64(nanoseconds() / 1_000_000) }

    /// Since 1970.
    static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
