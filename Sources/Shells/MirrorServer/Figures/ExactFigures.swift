import ClusterModel
import Controller
import Mirroring
import Telemetry

/// How a link that mirrors exactly stands at one moment.
struct ExactFigures: Sendable {
    struct Partition: Sendable {
        var partition: TopicPartition
        var state: String
        /// Where the target's log ends; -1 before that is known.
        var end: Offset
        /// nil before it is known.
        var lag: Offset?
        var recoveryPoint: ContinuousClock.Instant?
        /// What the source's leader last said; nil before that, and for topics whose writers do not wait for the link.
        var synchrony: Synchrony?
    }

    /// In order.
    var partitions: [Partition]
    var acknowledgedBytes: Int
    var underWayInBytes: Int
    /// Of this life of the mirror.
    var gapCounts: [MirrorGap.Kind: Int]

    func metrics(link: String, at now: ContinuousClock.Instant) -> [Metric] {
        let label = [Metric.Label("link", link)]
        var metrics = [
            Metric.counter(
                "martlet_mirror_bytes_total", acknowledgedBytes, "Bytes of batches that the target has taken."
            )
            .of(label),
            Metric.gauge("martlet_mirror_under_way_bytes", underWayInBytes, "Bytes read and not acknowledged yet.")
                .of(label),
        ]
        metrics += MirrorGap.Kind.allCases.map { kind in
            Metric.counter("martlet_mirror_gaps_total", gapCounts[kind] ?? 0, "Gaps written to the ledger.")
                .of(label + [Metric.Label("kind", kind.rawValue)])
        }
        let states = Dictionary(grouping: partitions, by: \.state).mapValues(\.count)
        metrics += states.sorted { $0.key < $1.key }.map { state, count in
            Metric.gauge("martlet_mirror_partitions", count, "Partitions by what the mirror does with them.")
                .of(label + [Metric.Label("state", state)])
        }
        return metrics
            + each(label) { one in
                one.lag.map {
                    Metric.gauge(
                        "martlet_mirror_lag_records", $0, "Offsets committed at the source that the target lacks.")
                }
            }
            + each(label) { one in
                one.recoveryPoint.map {
                    Metric.gauge(
                        "martlet_mirror_lag_seconds", one.lag == 0 ? 0 : (now - $0) / .seconds(1),
                        "Age of the moment up to which the target has all that the source had committed.")
                }
            }
            + each(label) { one in
                one.synchrony.map {
                    Metric.gauge(
                        "martlet_mirror_synchronous", $0 == .synchronous ? 1 : 0,
                        "Whether acks=all at the source waits for the target: 0 while the link does not keep up.")
                }
            }
            + each(label) { one in
                one.end < 0 ? nil : Metric.gauge("martlet_mirror_position", one.end, "Where the target's log ends.")
            }
    }

    /// One metric of every partition that has it.
    private func each(_ link: [Metric.Label], _ metric: (Partition) -> Metric?) -> [Metric] {
        partitions.compactMap { one in
            metric(one)?.of(
                link + [
                    Metric.Label("topic", one.partition.topic), Metric.Label("partition", "\(one.partition.partition)"),
                ])
        }
    }
}
