/// How long things took, with percentiles over all of them.
struct LatencyRecord {
    private var samples: [(milliseconds: Double, count: Int)] = []
    private(set) var count = 0
    private var total = 0.0

    /// - Parameter count: how many took this long.
    mutating func add(milliseconds: Double, count: Int = 1) {
        samples.append((milliseconds, count))
        self.count += count
        total += milliseconds * Double(count)
    }

    mutating func add(_ other: LatencyRecord) {
        samples += other.samples
        count += other.count
        total += other.total
    }

    var averageInMilliseconds: Double { count == 0 ? 0 : total / Double(count) }
    var maximumInMilliseconds: Double { samples.lazy.map(\.milliseconds).max() ?? 0 }

    /// What each of `fractions` (rising, up to 1) did not take longer than, in milliseconds.
    func percentiles(_ fractions: [Double]) -> [Double] {
        let sorted = samples.sorted { $0.milliseconds < $1.milliseconds }
        var found: [Double] = []
        var seen = 0
        for sample in sorted {
            seen += sample.count
            while found.count < fractions.count, Double(seen) >= fractions[found.count] * Double(count) {
                found.append(sample.milliseconds)
            }
        }
        return found + Array(repeating: 0, count: fractions.count - found.count)
    }
}

/// Numbers as the perf tools of Apache Kafka print them.
enum Figure {
    static func text(_ number: Double, places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((number * scale).rounded())
        let digits = String(scaled.magnitude)
        let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        let sign = scaled < 0 ? "-" : ""
        return places == 0 ? sign + padded : sign + padded.dropLast(places) + "." + padded.suffix(places)
    }
}
