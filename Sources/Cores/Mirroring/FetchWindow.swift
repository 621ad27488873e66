/// How much is asked of a broker that is far away before any of it has come, so that the way to it is full and nothing
/// waits on it for long.
///
/// A way holds what it carries in a second times the seconds that a fetch takes at least. What it carries is not known: as
/// long as asking for more brings more, more is asked for, and what then comes in a second is remembered for some while. Who
/// asks for much more than fits fills the buffers of routers until they drop packets; the connection that lost some holds
/// up all that lies behind its bytes, long after the others have come.
package struct FetchWindow: Sendable {
    /// A fetch may wait so many round trips longer than the quickest one for those that were asked for before it.
    private static let roundTripsOfWaiting = 0.6
    /// What comes is measured over so many round trips.
    private static let roundTripsOfPeriod = 3.0
    /// The best of measurements counts for as long as this, up to twice.
    private static let memory = Duration.seconds(10)

    /// In bytes.
    private let bounds: ClosedRange<Int>
    private var roundTrip = Duration.zero
    /// What the quickest took of fetches that brought as much as they could hold.
    private var quickest: Duration?
    /// The measurement under way.
    private var period: (begin: ContinuousClock.Instant, bytes: Int)?
    /// Bytes a second.
    private var best: (former: Double, recent: Double, since: ContinuousClock.Instant)?

    package init(bounds: ClosedRange<Int>) { self.bounds = bounds }

    /// How many bytes may be asked for and not have come.
    package var bytes: Int {
        guard let best, let quickest else { return bounds.lowerBound }
        let asked =
            max(best.former, best.recent) * ((quickest + roundTrip * Self.roundTripsOfWaiting) / .seconds(1))
        return Int(min(max(asked, Double(bounds.lowerBound)), Double(bounds.upperBound)))
    }

    /// So many bytes came.
    /// - Parameters:
    ///   - duration: how long after they were asked for.
    ///   - isFull: whether they are about as many as were asked for.
    ///   - roundTrip: how long the way there and back is while nothing waits on it.
    package mutating func took(
        _ bytes: Int, after duration: Duration, isFull: Bool, roundTrip: Duration, at now: ContinuousClock.Instant
    ) {
        if self.roundTrip != roundTrip {
            self.roundTrip = roundTrip
            quickest = nil
        }
        if isFull { quickest = min(quickest ?? duration, duration) }
        guard var period else { return self.period = (now, 0) }
        period.bytes += bytes
        self.period = period
        let length = period.begin.duration(to: now)
        guard length > .zero, length >= roundTrip * Self.roundTripsOfPeriod else { return }
        remember(Double(period.bytes) / (length / .seconds(1)), now)
        self.period = (now, 0)
    }

    private mutating func remember(_ rate: Double, _ now: ContinuousClock.Instant) {
        guard var best else { return self.best = (0, rate, now) }
        if now - best.since > Self.memory { best = (best.recent, 0, now) }
        best.recent = max(best.recent, rate)
        self.best = best
    }
}
