import ArgumentParser
import MirrorServer

/// `martlet mirror plan`: what a link would do.
struct MirrorPlan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Tell what a link's patterns match, and what it would change.",
        discussion: """
            Changes nothing; the mirror need not run. The exit code is 1 when something at the target stands in the way.
            """)

    @OptionGroup var options: LinkOptions

    func run() async throws {
        let selection = try options.selection()
        try await options.withEnds(sourceTimeout: LinkOptions.patience, targetTimeout: LinkOptions.patience) { ends in
            var report = try await LinkPlan(ends).run()
            if let selection { report.topics.removeAll { !selection.contains($0.topic) } }
            if options.json { try LinkOptions.printJSON(report) } else { Self.print(report) }
            if !report.isFeasible { throw ExitCode(1) }
        }
    }

    private static func print(_ report: PlanReport) {
        Swift.print("\(report.link) (\(report.mode)): \(report.sourceClusterID) to \(report.targetClusterID)")
        if let refusal = report.refusal { Swift.print("it brings nothing: \(refusal)") }
        var rows = [["TOPIC", "AT-TARGET", "PARTITIONS", "ACTION", "PATTERNS", "SETTINGS"]]
        for topic in report.topics {
            let settings =
                text(topic.settings) + text(topic.settingsAtSource).map { "\($0) at the source" }
            rows.append([
                topic.topic, topic.remote, "\(topic.partitions)", topic.action.rawValue,
                topic.patterns.joined(separator: ","), settings.joined(separator: ", "),
            ])
        }
        Table.print(rows)
        for topic in report.topics { if let reason = topic.reason { Swift.print("\(topic.topic): \(reason)") } }
        for group in report.groups {
            Swift.print("group \(group.group) matches \(group.patterns.joined(separator: ", "))")
        }
        for one in report.following { one.tellPlan() }
        for pattern in report.unmatchedPatterns { Swift.print("no topic matches '\(pattern)'") }
        for pattern in report.unmatchedGroupPatterns { Swift.print("no group matches '\(pattern)'") }
    }

    private static func text(_ settings: [String: String?]) -> [String] {
        settings.sorted { $0.key < $1.key }
            .map { name, value in value.map { "\(name)=\($0)" } ?? "\(name) to its default" }
    }
}
