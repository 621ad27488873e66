/// How a quantity was spread lately.
package struct RecentSpread: Sendable {
    private struct Sums: Sendable {
        var count = 0
        var total = 0.0
        var least = Double.infinity
        var most = -Double.infinity
    }

    package struct Spread: Sendable, Equatable {
        package var least: Double
        package var most: Double
        package var mean: Double
    }

    /// The last value; nil before the first.
    package private(set) var latest: Double?
    private var sums = RecentSums(Sums())

    package init() {}

    /// Takes so many values, at least one, which lie between two.
    package mutating func add(_ values: ClosedRange<Double>, count: Int = 1, _ now: ContinuousClock.Instant) {
        latest = values.lowerBound
        sums.add(now) { sums in
            sums.count += count
            sums.total += (values.lowerBound + values.upperBound) / 2 * Double(count)
            sums.least = min(sums.least, values.lowerBound)
            sums.most = max(sums.most, values.upperBound)
        }
    }

    /// nil when there was no value lately.
    package func spread(_ now: ContinuousClock.Instant) -> Spread? {
        guard let recent = sums.recent(now)?.sums else { return nil }
        let count = recent.reduce(0) { $0 + $1.count }
        return Spread(
            least: recent.reduce(.infinity) { min($0, $1.least) }, most: recent.reduce(-.infinity) { max($0, $1.most) },
            mean: recent.reduce(0) { $0 + $1.total } / Double(count))
    }
}
