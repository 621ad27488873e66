import Seams

/// How many clients may begin or resume a session in a while (`connectionMaxTokens`).
package struct ConnectingRate: Sendable, Equatable {
    /// So many may come at once.
    package var most: Int64
    /// So many more after each interval.
    package var refill: Int64
    package var interval: Duration

    package init(most: Int64, refill: Int64, interval: Duration) {
        self.most = most
        self.refill = refill
        self.interval = interval
    }
}

/// A bucket of tokens: each client that begins takes one.
struct ConnectingTokens: Sendable {
    private let rate: ConnectingRate
    private var count: Int64
    private var filled: Instant

    init(_ rate: ConnectingRate, at now: Instant) {
        self.rate = rate
        count = rate.most
        filled = now
    }

    /// False when there is none left.
    mutating func take(at now: Instant) -> Bool {
        let intervals = (now - filled).nanoseconds / max(1, rate.interval.nanoseconds)
        if intervals > 0 {
            filled = now
            count = min(rate.most, count + min(intervals, rate.most) * rate.refill)
        }
        guard count > 0 else { return false }
        count -= 1
        return true
    }
}
