import ArgumentParser
import MirrorServer
import Mirroring
import NIOPosix
import Synchronization
import Telemetry

/// `martlet mirror verify`: whether both ends of a link hold the same.
struct MirrorVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare what both ends of a link hold, by digests, and tell if one can fail over.",
        discussion: """
            Mirroring may go on meanwhile: compared is what both ends have committed. The exit code is 0 when all of it \
            is the same, and 1 when something differs, could not be compared, or the link is refused. Besides that lags, groups, settings, \
            certificates, and how long the source keeps what is not mirrored yet are told: "ready" says that nothing of \
            it stands in the way of a failover.
            """)

    /// Digests of much take their time.
    private static let patience = LinkOptions.patience * 3

    @OptionGroup var options: LinkOptions
    @Flag(help: "Compare again and again until interrupted.") var continuous = false
    @Option(help: "With --continuous: seconds between two comparisons.") var interval = 60.0
    @Option(help: "With --continuous: shows the last comparison to Prometheus at this port of 127.0.0.1.")
    var metricsPort: Int?

    func validate() throws {
        if interval <= 0 { throw ValidationError("--interval must be above 0") }
        guard let metricsPort else { return }
        if !continuous { throw ValidationError("--metrics-port needs --continuous") }
        if !(0...65_535).contains(metricsPort) { throw ValidationError("--metrics-port must be a port") }
    }

    func run() async throws {
        let selection = try options.selection()
        let last = LastProof()
        if let metricsPort {
            _ = try await MirrorMetrics.start(
                MirrorMetricsSettings(host: "127.0.0.1", port: metricsPort), on: MultiThreadedEventLoopGroup.singleton
            ) { last.metrics }
        }
        try await options.withEnds(sourceTimeout: Self.patience, targetTimeout: Self.patience) { ends in
            while continuous {
                do {
                    last.tell(try await compare(ends, selection))
                } catch {
                    if error is CancellationError { throw error }
                    // Monitoring sees that the time of the last comparison stands still.
                    FileOutput.standardError("not compared: \(error)\n")
                }
                try await Task.sleep(for: .seconds(interval))
            }
            let report = try await compare(ends, selection)
            if report.partitions.isEmpty, selection != nil {
                throw CommandFailure(options.nothingCame)
            }
            if !report.isProven { throw ExitCode(1) }
        }
    }

    private func compare(_ ends: LinkEnds, _ selection: NameSelection?) async throws -> ProofReport {
        let report = try await LinkProof(ends).run(selection)
        if options.json { try LinkOptions.printJSON(report) } else { Self.print(report) }
        return report
    }

    private static func print(_ report: ProofReport) {
        var rows = [
            [
                "PARTITION", "VERDICT", "FROM", "TO", "BATCHES", "RECORDS", "BYTES", "LAG", "LAG-BYTES", "LAG-MS",
                "KEPT-MS", "DIGEST",
            ]
        ]
        for one in report.partitions {
            rows.append([
                "\(one.topic)-\(one.partition)", one.verdict.rawValue, "\(one.from)", "\(one.to)", "\(one.batches)",
                "\(one.records)", "\(one.bytes)", "\(one.lagInRecords)", "\(one.lagInBytes)",
                "\(one.lagInMilliseconds)",
                one.retentionMarginInMilliseconds.map { "\($0)" } ?? "-", one.targetDigest,
            ])
        }
        Table.print(rows)
        for one in report.partitions {
            let name = "\(one.topic)-\(one.partition)"
            if let offset = one.differsFrom { Swift.print("\(name) differs from offset \(offset) on") }
            if let fault = one.fault { Swift.print("\(name): \(fault)") }
        }
        for one in report.groupsOutOfStep {
            Swift.print(
                "group \(one.group) is at \(one.sourceOffset) in \(one.topic)-\(one.partition), at the target "
                    + (one.targetOffset.map { "at \($0)" } ?? "nowhere"))
        }
        tellReadiness(report)
        let isCompared = !report.partitions.isEmpty
        Swift.print(!report.isProven ? "not proven" : isCompared ? "equal" : "nothing came by the link to be compared")
    }

    private static func tellReadiness(_ report: ProofReport) {
        for one in report.settingsThatDiffer {
            Swift.print("\(one.topic) has \(one.name)=\(one.target ?? "-"), at the source \(one.source ?? "-")")
        }
        for one in report.quotasThatDiffer {
            Swift.print("\(one.quota) is \(one.target.map { "\($0)" } ?? "-"), at the source \(one.source)")
        }
        for one in report.following { one.tellStanding() }
        for (topic, reason) in report.topicsNotMirrored.sorted(by: { $0.key < $1.key }) {
            Swift.print("\(topic) is not mirrored: \(reason)")
        }
        for topic in report.topicsWithoutLease {
            Swift.print("\(topic) can be written at the source without the link's lease")
        }
        for one in report.certificates {
            let days = (one.endsAtUnixSeconds - report.beganAt / 1_000) / 86_400
            Swift.print("certificate of \(one.subject) (\(one.cluster), \(one.place)): \(days) days left")
        }
        for (cluster, fault) in report.certificateFaults.sorted(by: { $0.key < $1.key }) {
            Swift.print("certificates of \(cluster): \(fault)")
        }
        Swift.print(report.isReady ? "ready" : "not ready: \(report.obstacles.joined(separator: "; "))")
    }
}

/// What was found out last, for monitoring.
private final class LastProof: Sendable {
    private let shown = Mutex<[Metric]>([])

    var metrics: [Metric] { shown.withLock { $0 } }

    func tell(_ report: ProofReport) { shown.withLock { $0 = report.metrics } }
}
