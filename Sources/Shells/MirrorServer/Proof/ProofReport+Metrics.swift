import Telemetry

extension ProofReport {
    /// The report as monitoring reads it, metrics of one name together.
    package var metrics: [Metric] {
        let label = [Metric.Label("link", link)]
        var metrics = [
            Metric.gauge(
                "martlet_mirror_verify_ready", isReady ? 1 : 0,
                "Whether the target is ready for a failover (1) or not (0)."
            )
            .of(label),
            Metric.gauge(
                "martlet_mirror_verify_timestamp_seconds", Double(beganAt) / 1_000,
                "When both ends were compared, in seconds since 1970."
            ).of(label),
            Metric.gauge(
                "martlet_mirror_verify_groups_out_of_step", groupsOutOfStep.count,
                "Positions of groups that are not in step."
            ).of(label),
            Metric.gauge(
                "martlet_mirror_verify_settings_different", settingsThatDiffer.count,
                "Settings of mirror topics that are not their sources'."
            ).of(label),
            Metric.gauge(
                "martlet_mirror_verify_quotas_different", quotasThatDiffer.count,
                "Quotas of the source's clients that are not the target's."
            ).of(label),
            Metric.gauge(
                "martlet_mirror_verify_topics_not_mirrored", topicsNotMirrored.count,
                "Topics that the link is to mirror and does not."
            ).of(label),
        ]
        metrics += following.map { one in
            Metric.gauge(
                "martlet_mirror_verify_following_different", one.different.count,
                "What the source has of quotas, credentials or access rules and the target has not, or otherwise."
            ).of(label + [Metric.Label("kind", one.kind)])
        }
        metrics += certificates.map { one in
            Metric.gauge(
                "martlet_mirror_verify_certificate_end_seconds", one.endsAtUnixSeconds,
                "When a certificate ends, in seconds since 1970."
            ).of(
                label + [
                    Metric.Label("cluster", one.cluster), Metric.Label("place", one.place),
                    Metric.Label("subject", one.subject),
                ])
        }
        metrics += partitionMetrics(label)
        return metrics
    }

    private func partitionMetrics(_ label: [Metric.Label]) -> [Metric] {
        func each(_ name: String, _ meaning: String, _ number: (Partition) -> Double?) -> [Metric] {
            partitions.compactMap { one in
                number(one).map { number in
                    Metric.gauge("martlet_mirror_verify_" + name, number, meaning).of(
                        label + [Metric.Label("topic", one.topic), Metric.Label("partition", "\(one.partition)")])
                }
            }
        }
        return each("equal", "Whether both ends hold the same (1) or not (0).") {
            $0.verdict.isSound ? 1 : 0
        }
            + each("records", "Records that were compared.") { Double($0.records) }
            + each("lag_records", "Records that the source has and the target has not.") { Double($0.lagInRecords) }
            + each("lag_bytes", "Bytes that the source has and the target has not.") { Double($0.lagInBytes) }
            + each("lag_seconds", "How much later the source's last record was written than the target's.") {
                Double($0.lagInMilliseconds) / 1_000
            }
            + each("retention_margin_seconds", "How long the source keeps what is to be mirrored next.") {
                $0.retentionMarginInMilliseconds.map { Double($0) / 1_000 }
            }
            + each("retention_margin_bytes", "How much may be written until that may go.") {
                $0.retentionMarginInBytes.map { Double($0) }
            }
    }
}
