/// Metrics in Prometheus' text format, version 0.0.4.
package enum PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A page of all metrics, in their order. Those of the same name, which differ in their labels, have to stand
    /// together.
    package static func page(_ metrics: [Metric]) -> String {
        var text = ""
        var last: String?
        for metric in metrics {
            if metric.name != last {
                text += "# HELP \(metric.name) \(escaped(metric.meaning))\n# TYPE \(metric.name) \(metric.value.type)\n"
            }
            last = metric.name
            let labels = metric.labels.map(label)
            switch metric.value {
            case .counter(let number), .gauge(let number):
                text += "\(metric.name)\(braces(labels)) \(number)\n"
            case .summary(let summary):
                for (part, quantile) in zip(Metric.Summary.parts, summary.quantiles) {
                    let shown = quantile.map { "\($0)" } ?? "NaN"
                    text += "\(metric.name)\(braces(labels + ["quantile=\"\(part)\""])) \(shown)\n"
                }
                text += "\(metric.name)_count\(braces(labels)) \(summary.count)\n"
                text += "\(metric.name)_sum\(braces(labels)) \(summary.sum)\n"
            }
        }
        return text
    }

    private static func braces(_ labels: [String]) -> String {
        labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
    }

    private static func label(_ label: Metric.Label) -> String {
        "\(label.name)=\"\(escaped(label.value, quotes: true))\""
    }

    private static func escaped(_ meaning: String, quotes: Bool = false) -> String {
        var text = ""
        for character in meaning {
            switch character {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"" where quotes: text += "\\\""
            default: text.append(character)
            }
        }
        return text
    }
}

extension Metric.Value {
    fileprivate var type: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .summary: "summary"
        }
    }
}
