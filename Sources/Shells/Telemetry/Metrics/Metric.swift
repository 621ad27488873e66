/// One figure of a server at one moment, as monitoring reads it.
///
/// Servers count in plain values that one thread owns; metrics are made of them when somebody asks. A server's list of
/// metrics is its registry: every way to show them goes through the same list.
package struct Metric: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        /// Only grows as long as the process lives, unless an operator resets it.
        case counter(Double)
        case gauge(Double)
        case summary(Summary)
    }

    /// How the values of a quantity are distributed.
    package struct Summary: Sendable, Equatable {
        /// The parts of the recent values that a quantile is told for.
        package static let parts = [0.5, 0.9, 0.95, 0.99, 0.999]

        package var count: Int64
        package var sum: Double
        package var least: Double
        package var most: Double
        /// One for each of ``parts``; nil when there are no recent values.
        package var quantiles: [Double?]

        package init(count: Int64, sum: Double, least: Double, most: Double, quantiles: [Double?]) {
            self.count = count
            self.sum = sum
            self.least = least
            self.most = most
            self.quantiles = quantiles
        }
    }

    /// Lower-case words joined by `_`.
    package var name: String
    package var value: Value
    /// What it means and in which unit, in one sentence.
    package var meaning: String
    /// Tell one of several metrics of the same name from the others; empty for most.
    package var labels: [Label] = []

    package struct Label: Sendable, Equatable {
        /// Lower-case words joined by `_`.
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The same metric, of one of several things.
    package func of(_ labels: [Label]) -> Metric {
        var metric = self
        metric.labels = labels
        return metric
    }

    package static func counter(_ name: String, _ count: some BinaryInteger, _ meaning: String) -> Metric {
        Metric(name: name, value: .counter(Double(count)), meaning: meaning)
    }

    package static func gauge(_ name: String, _ number: Double, _ meaning: String) -> Metric {
        Metric(name: name, value: .gauge(number), meaning: meaning)
    }

    package static func gauge(_ name: String, _ number: some BinaryInteger, _ meaning: String) -> Metric {
        Metric(name: name, value: .gauge(Double(number)), meaning: meaning)
    }

    package static func summary(_ name: String, _ summary: Summary, _ meaning: String) -> Metric {
        Metric(name: name, value: .summary(summary), meaning: meaning)
    }

    package static func counter(_ name: String, seconds: Double, _ meaning: String) -> Metric {
        Metric(name: name, value: .counter(seconds), meaning: meaning)
    }

    /// One name and one number each, in the way of Apache ZooKeeper's `mntr`: of a summary `avg_`, `min_`, `max_`,
    /// `cnt_`, `sum_` and percentiles.
    package var figures: [(name: String, number: Double)] {
        switch value {
        case .counter(let number), .gauge(let number): return [(name, number)]
        case .summary(let summary):
            let average = summary.count == 0 ? 0 : summary.sum / Double(summary.count)
            let percentiles = zip(["p50", "p90", "p95", "p99", "p999"], summary.quantiles)
            return [
                ("avg_\(name)", average), ("min_\(name)", summary.least), ("max_\(name)", summary.most),
                ("cnt_\(name)", Double(summary.count)), ("sum_\(name)", summary.sum),
            ] + percentiles.map { ("\($0)_\(name)", $1 ?? 0) }
        }
    }

    /// A number without an exponent: whole ones without decimals, others with at most four.
    package static func text(_ number: Double) -> String {
        guard number.magnitude < 1e15 else { return "\(number)" }
        let rounded = (number * 10_000).rounded() / 10_000
        guard let whole = Int64(exactly: rounded) else { return "\(rounded)" }
        return "\(whole)"
    }
}
