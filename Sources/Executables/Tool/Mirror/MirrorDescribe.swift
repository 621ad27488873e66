import ArgumentParser
import MirrorServer

/// `martlet mirror describe`: how the topics of a link stand.
struct MirrorDescribe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Tell what a link does, how its topics stand at its target, and which gaps it found.",
        discussion: "The source may be away; then nothing is told of how far it is ahead.")

    @OptionGroup var options: LinkOptions
    @Option(help: "How long to ask a source that may be lost, in seconds.") var sourceTimeout = 2.0

    func validate() throws {
        if sourceTimeout <= 0 { throw ValidationError("--source-timeout must be above 0") }
    }

    func run() async throws {
        let selection = try options.selection()
        try await options.withEnds(sourceTimeout: .seconds(sourceTimeout), targetTimeout: LinkOptions.patience) {
            ends in
            let report = try await LinkStatus(ends).run(selection)
            if options.json { try LinkOptions.printJSON(report) } else { Self.print(report) }
        }
    }

    private static func print(_ report: LinkStatusReport) {
        let cause = report.cause.map { " (\($0))" } ?? ""
        Swift.print("\(report.link) (\(report.mode)): \(report.state.rawValue)\(cause)")
        for setting in report.settings where !setting.isDefault {
            Swift.print("  \(setting.key)=\(setting.value ?? "") from \(setting.from)")
        }
        if let refusal = report.refusal { Swift.print("it brings nothing: \(refusal)") }
        for pattern in report.unmatchedPatterns { Swift.print("no topic of the source matches \(pattern)") }
        for pattern in report.unmatchedGroupPatterns { Swift.print("no group of the source matches \(pattern)") }
        for (kind, cause) in report.notFollowed.sorted(by: { $0.key < $1.key }) {
            Swift.print("\(kind) are not brought: \(cause)")
        }
        for one in report.blocked { Swift.print("\(one.topic) is not brought: \(one.cause)") }
        var rows = [
            [
                "PARTITION", "STATE", "HOME-EPOCH", "START", "END", "SOURCE-END", "LAG", "LAG-MS", "OPEN", "CUT",
                "WRITERS",
            ]
        ]
        for topic in report.topics {
            for one in topic.partitions {
                rows.append([
                    "\(topic.remote ?? topic.topic)-\(one.partition)", one.state ?? "no leader (\(topic.state))",
                    "\(topic.homeEpoch)", "\(one.logStart)", "\(one.logEnd)", text(one.sourceEnd),
                    text(one.lagInRecords), text(one.lagInMilliseconds), "\(one.openTransactions)",
                    one.cut.map { "\($0)" } ?? "-", writers(one),
                ])
            }
        }
        Table.print(rows)
        for member in report.members {
            Swift.print(
                "\(member.name) at \(member.host)\(member.hasDuties ? " (with the link's duties)" : "") brings "
                    + "\(member.partitions.count) partitions, \(member.bytesPerSecond) bytes/s: "
                    + member.partitions.joined(separator: ", "))
        }
        for gap in report.gaps {
            Swift.print(
                "gap in \(gap.topic)-\(gap.partition): \(gap.kind) [\(gap.from), \(gap.to)), policy \(gap.policy): "
                    + gap.cause)
        }
        if let fault = report.sourceFault { Swift.print("the source could not be asked: \(fault)") }
    }

    /// What the source's clients depend on when they write.
    private static func writers(_ one: LinkStatusReport.Partition) -> String {
        let lease = one.leaseInMilliseconds.map { $0 > 0 ? "leased" : "lease run out" }
        let words = [one.synchrony, lease].compactMap(\.self)
        return words.isEmpty ? "-" : words.joined(separator: ", ")
    }

    private static func text(_ number: Int64?) -> String { number.map { "\($0)" } ?? "?" }
}
