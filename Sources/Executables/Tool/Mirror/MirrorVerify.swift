import ArgumentParser
import MirrorServer

/// `martlet mirror verify`: whether both ends of a link hold the same.
struct MirrorVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Compare what both ends of a link hold, by digests.",
        discussion: """
            Mirroring may go on meanwhile: compared is what both ends have committed. The exit code is 0 when all of it \
            is the same, and 1 when something differs or could not be compared.
            """)

    @OptionGroup var options: LinkOptions
    @Flag(help: "Compare again and again until interrupted.") var continuous = false
    @Option(help: "With --continuous: seconds between two comparisons.") var interval = 60.0

    func validate() throws {
        if interval <= 0 { throw ValidationError("--interval must be above 0") }
    }

    func run() async throws {
        let selection = try options.selection()
        try await options.withEnds { ends in
            while true {
                let report = try await LinkProof(ends).run(selection)
                if options.json { try LinkOptions.printJSON(report) } else { Self.print(report) }
                guard continuous else {
                    if !report.isProven { throw ExitCode(1) }
                    return
                }
                try await Task.sleep(for: .seconds(interval))
            }
        }
    }

    private static func print(_ report: ProofReport) {
        var rows = [["PARTITION", "VERDICT", "FROM", "TO", "BATCHES", "RECORDS", "BYTES", "LAG", "LAG-MS", "DIGEST"]]
        for one in report.partitions {
            rows.append([
                "\(one.topic)-\(one.partition)", one.verdict.rawValue, "\(one.from)", "\(one.to)", "\(one.batches)",
                "\(one.records)", "\(one.bytes)", "\(one.lagInRecords)", "\(one.lagInMilliseconds)", one.targetDigest,
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
        Swift.print(report.isProven ? "equal" : "not proven")
    }
}
