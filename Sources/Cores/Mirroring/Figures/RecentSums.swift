/// What was summed up lately: in the half minute under way and in the one before, as MirrorMaker 2's figures are. So a
/// figure tells of 30 to 60 seconds, and costs nothing a record.
struct RecentSums<Sums: Sendable>: Sendable {
    static var half: Duration { .seconds(30) }

    private let none: Sums
    private var current: (begin: ContinuousClock.Instant, sums: Sums)?
    private var before: (begin: ContinuousClock.Instant, sums: Sums)?

    init(_ none: Sums) { self.none = none }

    mutating func add(_ now: ContinuousClock.Instant, _ change: (inout Sums) -> Void) {
        if let current, now - current.begin >= Self.half {
            before = current
            self.current = nil
        }
        var next = current ?? (now, none)
        change(&next.sums)
        current = next
    }

    /// Those that are not too old, the older first, and since when they count.
    func recent(_ now: ContinuousClock.Instant) -> (since: ContinuousClock.Instant, sums: [Sums])? {
        let halves = [before, current].compactMap { $0 }.filter { now - $0.begin < Self.half * 2 }
        return halves.first.map { ($0.begin, halves.map(\.sums)) }
    }
}
