/// One figure of a server at one moment, as monitoring reads it.
///
/// Servers count in plain values that one thread owns; metrics are made of them when somebody asks.
package struct Metric: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        /// Only grows as long as the process lives, unless an operator resets it.
        case counter(Int64)
        case gauge(Double)
    }

    /// Lower-case words joined by `_`.
    package var name: String
    package var value: Value
    /// What it means and in which unit, in one sentence.
    package var meaning: String

    package static func counter(_ name: String, _ count: Int64, _ meaning: String) -> Metric {
        Metric(name: name, value: .counter(count), meaning: meaning)
    }

    package static func gauge(_ name: String, _ number: Double, _ meaning: String) -> Metric {
        Metric(name: name, value: .gauge(number), meaning: meaning)
    }

    package static func gauge(_ name: String, _ number: some BinaryInteger, _ meaning: String) -> Metric {
        Metric(name: name, value: .gauge(Double(number)), meaning: meaning)
    }

    /// A number without an exponent: whole ones without decimals, others with at most four.
    package static func text(_ number: Double) -> String {
        let rounded = (number * 10_000).rounded() / 10_000
        guard let whole = Int64(exactly: rounded) else { return "\(rounded)" }
        return "\(whole)"
    }
}
