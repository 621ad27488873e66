/// Metrics in Prometheus' text format, version 0.0.4.
package enum PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A page of all metrics, in their order; each name once.
    package static func page(_ metrics: [Metric]) -> String {
        var text = ""
        for metric in metrics {
            text += "# HELP \(metric.name) \(escaped(metric.meaning))\n"
            switch metric.value {
            case .counter(let number):
                text += "# TYPE \(metric.name) counter\n\(metric.name) \(number)\n"
            case .gauge(let number):
                text += "# TYPE \(metric.name) gauge\n\(metric.name) \(number)\n"
            case .summary(let summary):
                text += "# TYPE \(metric.name) summary\n"
                for (part, quantile) in zip(Metric.Summary.parts, summary.quantiles) {
                    let shown = quantile.map { "\($0)" } ?? "NaN"
                    text += "\(metric.name){quantile=\"\(part)\"} \(shown)\n"
                }
                text += "\(metric.name)_count \(summary.count)\n\(metric.name)_sum \(summary.sum)\n"
            }
        }
        return text
    }

    private static func escaped(_ meaning: String) -> String {
        var text = ""
        for character in meaning {
            switch character {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        return text
    }
}
