import ClusterModel
import Telemetry
import Testing

@testable import MirrorServer

@Suite struct ProofReportTests {
    private func report() -> ProofReport {
        var report = ProofReport(link: "us-east->eu-west", beganAt: 1_700_000_000_000)
        var one = ProofReport.Partition(TopicPartition(topic: "orders", partition: 3))
        one.verdict = .equal
        one.lagInBytes = 7
        one.retentionMarginInMilliseconds = 1_500
        report.partitions = [one]
        report.certificates = [
            ProofReport.Certificate(
                cluster: "eu-west", place: "a.pem", subject: "CN=a", endsAtUnixSeconds: 1_700_000_000 + 8 * 86_400)
        ]
        return report
    }

    @Test func nothingStandsInTheWayOfWhatIsEqual() { #expect(report().allObstacles.isEmpty) }

    @Test func whateverIsWrongStandsInTheWay() {
        let faults: [(inout ProofReport) -> Void] = [
            { $0.partitions[0].verdict = .unknown }, { $0.partitions[0].verdict = .different },
            { $0.partitions[0].retentionMarginInMilliseconds = 0 }, { $0.partitions[0].retentionMarginInBytes = 0 },
            {
                $0.groupsOutOfStep = [
                    ProofReport.Group(group: "g", topic: "orders", partition: 3, sourceOffset: 1, targetOffset: nil)
                ]
            },
            { $0.settingsThatDiffer = [ProofReport.Setting(topic: "orders", name: "retention.ms")] },
            { $0.quotasThatDiffer = [ProofReport.Quota(quota: "producer_byte_rate of user a", source: 1)] },
            { $0.topicsNotMirrored = ["payments": "it is not at the target yet"] },
            { $0.topicsWithoutLease = ["orders"] },
            { $0.certificates[0].endsAtUnixSeconds -= 2 * 86_400 },
            { $0.certificateFaults = ["eu-west": "unreadable"] },
        ]
        for (place, fault) in faults.enumerated() {
            var report = report()
            fault(&report)
            #expect(report.allObstacles.count == 1, "fault \(place)")
        }
    }

    @Test func monitoringReadsTheSame() {
        let page = PrometheusText.page(report().metrics)
        let labels = #"{link="us-east->eu-west",topic="orders",partition="3"}"#
        for line in [
            #"martlet_mirror_verify_ready{link="us-east->eu-west"} 1"#,
            "martlet_mirror_verify_equal\(labels) 1", "martlet_mirror_verify_lag_bytes\(labels) 7",
            "martlet_mirror_verify_retention_margin_seconds\(labels) 1.5",
        ] {
            #expect(page.contains(line), "\(line)")
        }
        #expect(!page.contains("retention_margin_bytes"))
        #expect(page.contains(#"subject="CN=a""#))
    }
}
