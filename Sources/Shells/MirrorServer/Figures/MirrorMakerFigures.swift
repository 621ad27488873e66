import ClusterModel
import Mirroring
import Telemetry

/// The figures of MirrorMaker 2 (`kafka.connect.mirror:type=MirrorSourceConnector` and `MirrorCheckpointConnector`), under
/// the names that Prometheus' JMX exporter gives them by its usual rules, so that dashboards and alerts go on.
///
/// All are gauges there, also what only grows. Where MirrorMaker 2 shows no number, nothing is shown.
enum MirrorMakerFigures {
    private static let source = "kafka_connect_mirror_mirrorsourceconnector_"
    private static let checkpoints = "kafka_connect_mirror_mirrorcheckpointconnector_"

    /// Of every partition, by its name at the target.
    static func metrics(
        _ figures: CopyFigures, from alias: String, to target: String, at now: ContinuousClock.Instant
    ) -> [Metric] {
        figures.partitions.flatMap { one in
            let labels = [
                Metric.Label("source", alias), Metric.Label("target", target), Metric.Label("topic", one.remote.topic),
                Metric.Label("partition", "\(one.remote.partition)"),
            ]
            let tally = one.tally
            let rates = tally.rates(now)
            let counts = [
                gauge("record_count", Double(tally.records), "Records that were copied."),
                gauge("record_rate", rates.records, "Records a second."),
                gauge("byte_count", Double(tally.bytes), "Bytes that were copied."),
                gauge("byte_rate", rates.bytes, "Bytes a second."),
            ]
            let times =
                spread(tally.age, source + "record_age_ms", "How old records were when they were read.", now)
                + spread(
                    tally.latency, source + "replication_latency_ms", "How old records were when the target had them.",
                    now)
            return (counts + times).map { $0.of(labels) }
        }
    }

    /// Of every group and partition of which a checkpoint was written.
    static func metrics(
        _ latencies: [CheckpointPlace: RecentSpread], from alias: String, to target: String,
        at now: ContinuousClock.Instant
    ) -> [Metric] {
        latencies.sorted { $0.key < $1.key }.flatMap { place, latency in
            let labels = [
                Metric.Label("source", alias), Metric.Label("target", target), Metric.Label("group", place.group),
                Metric.Label("topic", place.partition.topic),
                Metric.Label("partition", "\(place.partition.partition)"),
            ]
            return spread(
                latency, checkpoints + "checkpoint_latency_ms", "How long checkpoints take to the target.", now
            )
            .map { $0.of(labels) }
        }
    }

    private static func gauge(_ name: String, _ number: Double, _ meaning: String) -> Metric {
        Metric.gauge(source + name, number, meaning)
    }

    private static func spread(
        _ values: RecentSpread, _ name: String, _ meaning: String, _ now: ContinuousClock.Instant
    ) -> [Metric] {
        var metrics: [Metric] = []
        if let latest = values.latest { metrics.append(Metric.gauge(name, latest, meaning)) }
        if let spread = values.spread(now) {
            metrics.append(Metric.gauge(name + "_min", spread.least, "The least of it, of the last minute."))
            metrics.append(Metric.gauge(name + "_max", spread.most, "The most of it, of the last minute."))
            metrics.append(Metric.gauge(name + "_avg", spread.mean, "The mean of it, of the last minute."))
        }
        return metrics
    }
}

/// What a checkpoint is of: a group, and a partition of the target.
struct CheckpointPlace: Sendable, Hashable, Comparable {
    var group: String
    var partition: TopicPartition

    static func < (left: CheckpointPlace, right: CheckpointPlace) -> Bool {
        (left.group, left.partition) < (right.group, right.partition)
    }
}
