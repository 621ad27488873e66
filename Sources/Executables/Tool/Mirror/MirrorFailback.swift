import ArgumentParser
import MirrorServer

/// `martlet mirror failback`: makes an old home that has returned the mirror of the new one.
struct MirrorFailback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failback",
        abstract: "Make the old home of topics, which has returned, a link's mirror of the new one.",
        discussion: """
            --link is the way back: from the new home to the old one. Finds from where on both differ, keeps what only the \
            old home has in topics mirror-quarantine.TOPIC.EPOCH.internal there, drops it, and lets the link copy what is \
            missing. When it is in step, martlet mirror promote moves the home back. If this is killed, run it again.
            """)

    @OptionGroup var options: LinkOptions
    @Flag(help: "Change nothing; tell what would be dropped.") var dryRun = false

    func run() async throws {
        let selection = try options.selection()
        try await options.withEndsOfMove(needsSource: true) { ends in
            let report = try await HomeReturn(ends).run(selection, isRehearsal: dryRun)
            if options.json { try LinkOptions.printJSON(report) } else { Self.print(report) }
            if !report.isDone { throw ExitCode(1) }
        }
    }

    private static func print(_ report: ReturnReport) {
        var rows = [["PARTITION", "SAME-UP-TO", "END", "KEPT-RECORDS", "IN"]]
        for (name, topic) in report.topics.sorted(by: { $0.key < $1.key }) {
            for one in topic.partitions {
                rows.append([
                    "\(name)-\(one.partition)", "\(one.cut)", "\(one.end)", "\(one.keptRecords)",
                    topic.quarantineTopic ?? "-",
                ])
            }
        }
        Table.print(rows)
        for (name, topic) in report.topics.sorted(by: { $0.key < $1.key }) {
            if let fault = topic.fault { Swift.print("\(name): \(fault)") }
            for (group, fault) in topic.groupFaults.sorted(by: { $0.key < $1.key }) {
                Swift.print("group \(group) is behind a cut: \(fault)")
            }
        }
        if report.topics.isEmpty { Swift.print("no topic waits to be mirrored by link \(report.link)") }
        if report.isRehearsal { Swift.print("nothing was changed") }
    }
}
