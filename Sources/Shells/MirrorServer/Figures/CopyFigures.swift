import ClusterModel
import Controller
import Mirroring
import Telemetry

/// The partitions of a link, for monitoring.
protocol CopyTable: AnyObject, Sendable {
    /// How all stands at one moment.
    func figures() -> CopyFigures
}

/// How the partitions of a link stand at one moment.
struct CopyFigures: Sendable {
    struct Partition: Sendable {
        /// At the source.
        var partition: TopicPartition
        /// At the target.
        var remote: TopicPartition
        var state: String
        /// Why it is not copied; nil when nothing is wrong, or when it is tried again.
        var cause: String?
        /// Where the target's log ends; -1 before that is known.
        var end: Offset
        /// nil before it is known.
        var lag: Offset?
        var recoveryPoint: RecoveryPoint
        /// How old it may become; nil when nobody has said.
        var recoveryLimit: Duration?
        var tally: CopyTally
        /// What the source's leader last said; nil before that, and for topics whose writers do not wait for the link.
        var synchrony: Synchrony?
    }

    /// In order.
    var partitions: [Partition]
    var acknowledgedBytes: Int
    var underWayInBytes: Int
    /// Of this life of the mirror; nil for links that keep no ledger.
    var gapCounts: [MirrorGap.Kind: Int]?

    /// Under names of our own.
    /// - Parameter faults: why what fails is tried again, by what fails.
    func metrics(link: String, faults: [String: String], at now: ContinuousClock.Instant) -> [Metric] {
        let label = [Metric.Label("link", link)]
        var metrics = [
            Metric.counter(
                "martlet_mirror_bytes_total", acknowledgedBytes, "Bytes of batches that the target has taken."
            )
            .of(label),
            Metric.gauge("martlet_mirror_under_way_bytes", underWayInBytes, "Bytes read and not acknowledged yet.")
                .of(label),
        ]
        for kind in MirrorGap.Kind.allCases {
            guard let gapCounts else { break }
            metrics.append(
                Metric.counter("martlet_mirror_gaps_total", gapCounts[kind] ?? 0, "Gaps written to the ledger.")
                    .of(label + [Metric.Label("kind", kind.rawValue)]))
        }
        let states = Dictionary(grouping: partitions, by: \.state).mapValues(\.count)
        metrics += states.sorted { $0.key < $1.key }.map { state, count in
            Metric.gauge("martlet_mirror_partitions", count, "Partitions by what the mirror does with them.")
                .of(label + [Metric.Label("state", state)])
        }
        return metrics
            + partitions.flatMap { one in
                one.metrics(fault: faults["\(one.partition)"], at: now).map { metric in
                    metric.of(label + one.labels + metric.labels)
                }
            }
    }
}

extension CopyFigures.Partition {
    fileprivate var labels: [Metric.Label] {
        [Metric.Label("topic", partition.topic), Metric.Label("partition", "\(partition.partition)")]
    }

    /// Those that are known.
    fileprivate func metrics(fault: String?, at now: ContinuousClock.Instant) -> [Metric] {
        var metrics = [
            Metric.gauge("martlet_mirror_partition_state", 1, "What the mirror does with a partition, and why.")
                .of([Metric.Label("state", state), Metric.Label("cause", cause ?? fault ?? "")])
        ]
        if let lag {
            metrics.append(
                Metric.gauge(
                    "martlet_mirror_lag_records", lag, "Offsets committed at the source that the target lacks."))
            if let bytes = tally.bytes(ofRecords: lag) {
                metrics.append(
                    Metric.gauge(
                        "martlet_mirror_lag_bytes", bytes,
                        "About so many bytes the target lacks, going by the size of what it has got."))
            }
        }
        if let age = recoveryPoint.age(lag: lag, at: now) {
            metrics.append(
                Metric.gauge(
                    "martlet_mirror_lag_seconds", age / .seconds(1),
                    "Age of the moment up to which the target has all that the source had committed."))
        }
        if let recoveryLimit {
            metrics.append(
                Metric.gauge(
                    "martlet_mirror_lag_limit_seconds", recoveryLimit / .seconds(1),
                    "How old that moment may become, by mirror.recovery.point.limits."))
        }
        if let synchrony {
            metrics.append(
                Metric.gauge(
                    "martlet_mirror_synchronous", synchrony == .synchronous ? 1 : 0,
                    "Whether acks=all at the source waits for the target: 0 while the link does not keep up."))
        }
        if end >= 0 {
            metrics.append(Metric.gauge("martlet_mirror_position", end, "Where the target's log ends."))
        }
        return metrics
    }
}
