import Testing

@testable import Telemetry

@Suite struct MetricTests {
    private static let summary = Metric.Summary(
        count: 4, sum: 10, least: 0.25, most: 9, quantiles: [1.5, 2, nil, 3, 9])

    @Test func aPageOfPrometheus() {
        let page = PrometheusText.page([
            .counter("packets_sent", 3, "Replies\nand \\ events."), .gauge("avg_latency", 0.5, "In ms."),
            .summary("fsynctime", Self.summary, "In ms."),
        ])
        #expect(
            page == #"""
                # HELP packets_sent Replies\nand \\ events.
                # TYPE packets_sent counter
                packets_sent 3.0
                # HELP avg_latency In ms.
                # TYPE avg_latency gauge
                avg_latency 0.5
                # HELP fsynctime In ms.
                # TYPE fsynctime summary
                fsynctime{quantile="0.5"} 1.5
                fsynctime{quantile="0.9"} 2.0
                fsynctime{quantile="0.95"} NaN
                fsynctime{quantile="0.99"} 3.0
                fsynctime{quantile="0.999"} 9.0
                fsynctime_count 4
                fsynctime_sum 10.0

                """#)
    }

    @Test func labelsTellMetricsOfOneNameApart() {
        let lags = ["a", "b\"\\\n"].map { topic in
            Metric.gauge("lag", 1, "In records.").of([Metric.Label("topic", topic), Metric.Label("partition", "0")])
        }
        let summary = Metric.summary("time", Self.summary, "In ms.").of([Metric.Label("link", "x->y")])
        let page = PrometheusText.page(lags + [summary])
        #expect(
            page.hasPrefix(
                #"""
                # HELP lag In records.
                # TYPE lag gauge
                lag{topic="a",partition="0"} 1.0
                lag{topic="b\"\\\n",partition="0"} 1.0
                # HELP time In ms.
                # TYPE time summary
                time{link="x->y",quantile="0.5"} 1.5

                """#))
        #expect(page.hasSuffix("time_count{link=\"x->y\"} 4\ntime_sum{link=\"x->y\"} 10.0\n"))
    }

    @Test func figuresAreZooKeepers() {
        let figures = Metric.summary("fsynctime", Self.summary, "").figures.map {
            "\($0.name) \(Metric.text($0.number))"
        }
        #expect(
            figures == [
                "avg_fsynctime 2.5", "min_fsynctime 0.25", "max_fsynctime 9", "cnt_fsynctime 4", "sum_fsynctime 10",
                "p50_fsynctime 1.5", "p90_fsynctime 2", "p95_fsynctime 0", "p99_fsynctime 3", "p999_fsynctime 9",
            ])
        #expect(Metric.counter("a", 7, "").figures.map(\.number) == [7])
    }

    @Test(arguments: [(2.0, "2"), (0.03126, "0.0313"), (-1, "-1"), (1e18, "1e+18"), (123_456.5, "123456.5")])
    func numbersAreShort(number: Double, text: String) {
        #expect(Metric.text(number) == text)
    }

    @Test func theProcessIsTold() {
        let figures = ProcessFigures.metrics.flatMap(\.figures)
        #expect(figures.count == 4 && figures.allSatisfy { $0.number > 0 })
    }
}
