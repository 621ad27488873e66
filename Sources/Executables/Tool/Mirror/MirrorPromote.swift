import ArgumentParser
import MirrorServer

/// `martlet mirror promote`: the planned move of topics' home to the target of a link.
struct MirrorPromote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Move the home of a link's topics to its target, losing nothing.",
        discussion: """
            Lets nobody write at the source any more, waits until the mirror has brought everything, and makes the \
            topics at the target writable. Both clusters and the mirror have to run. When the mirror does not bring \
            everything in time, the source is opened again. If this is killed, run it again.
            """)

    @OptionGroup var options: LinkOptions
    @OptionGroup var move: MoveOptions

    func run() async throws {
        try await options.withEndsOfMove(needsSource: true) { ends in try await move.run(.planned, ends, options) }
    }
}

/// `martlet mirror failover`: the move when the source is lost.
struct MirrorFailover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover", abstract: "Move the home of a link's topics to its target, whose source is lost.",
        discussion: """
            Settles open transactions, cuts every partition at one consistent point, sets groups back to it, and makes \
            the topics writable. The source is told not to be written any more; when it cannot be told now, the mirror \
            tells it when it is back. What may be lost is in the report. If this is killed, run it again.

            Topics whose home has moved from the target to the source before, and which were fenced for that, have their \
            home at the target again, with all that they hold; so after the second of two regions was lost, --link is the \
            one from it to the first.
            """)

    @OptionGroup var options: LinkOptions
    @OptionGroup var move: MoveOptions
    @Option(help: "How long to ask a source that may be lost, in seconds.") var sourceTimeout = 2.0

    func validate() throws {
        if sourceTimeout <= 0 { throw ValidationError("--source-timeout must be above 0") }
    }

    func run() async throws {
        try await options.withEndsOfMove(sourceTimeout: .seconds(sourceTimeout)) { ends in
            try await move.run(.failover, ends, options)
        }
    }
}

/// What both moves have in common.
struct MoveOptions: ParsableArguments {
    @Flag(help: "Change nothing; tell what would be moved and what might be lost.") var dryRun = false
    @Option(help: "How long to wait for the mirror, and for leaders, in seconds.") var timeout = 60.0

    func validate() throws {
        if timeout <= 0 { throw ValidationError("--timeout must be above 0") }
    }

    func run(_ kind: HomeMove.Kind, _ ends: LinkEnds, _ options: LinkOptions) async throws {
        let report = try await HomeMove(kind, ends, waitingAtMost: .seconds(timeout))
            .run(try options.selection(), isRehearsal: dryRun)
        if options.json { try LinkOptions.printJSON(report) } else { Self.print(report) }
        if report.topics.isEmpty { throw CommandFailure(Self.objection(to: report, ends, options)) }
        if !report.isDone, !report.isRehearsal { throw ExitCode(1) }
    }

    /// Why there is nothing to move.
    private static func objection(to report: MoveReport, _ ends: LinkEnds, _ options: LinkOptions) -> String {
        guard let topic = report.notReturned.first else { return options.nothingCame }
        let (source, target) = (ends.settings.source, ends.settings.target)
        let others = report.notReturned.count > 1 ? " and \(report.notReturned.count - 1) more topics" : ""
        return
            "\(topic)\(others) had their home at \(target), and it has moved to \(source): first martlet mirror failback "
            + "--link '\(report.link)'; where \(source) is lost, martlet mirror failover --link '\(report.link)'"
    }

    private static func state(of topic: MoveReport.Topic) -> String {
        topic.isDone ? "home" : topic.isReclaimed ? "fenced" : "mirrored"
    }

    private static func print(_ report: MoveReport) {
        var rows = [["TOPIC", "PARTITIONS", "HOME-EPOCH", "STATE", "MAY-BE-LOST", "MS", "ABORTED"]]
        for (name, topic) in report.topics.sorted(by: { $0.key < $1.key }) {
            rows.append([
                name, "\(topic.partitions)", "\(topic.homeEpoch)", topic.fault ?? state(of: topic),
                topic.recordsPossiblyLost.map { "\($0)" } ?? "?", topic.millisecondsPossiblyLost.map { "\($0)" } ?? "?",
                "\(topic.abortedTransactions)",
            ])
        }
        Table.print(rows)
        for (group, fault) in report.groupFaults.sorted(by: { $0.key < $1.key }) {
            Swift.print("group \(group) is behind a cut: \(fault)")
        }
        let reclaimed = report.topics.values.filter(\.isReclaimed)
        if !reclaimed.isEmpty {
            var only: Int64? = 0
            for topic in reclaimed { only.add(topic.recordsOnlyHere) }
            Swift.print(
                "\(reclaimed.count) topics had their home here before: what only this side has is kept "
                    + "(\(only.map { "\($0)" } ?? "?") records)")
        }
        if let fault = report.sourceFault { Swift.print("the source could not be asked: \(fault)") }
        if report.isRehearsal { return Swift.print("nothing was changed") }
        if !report.isSourceFenced {
            Swift.print("the source does not know yet: let the mirror of the link run, which tells it when it is back")
        }
        Swift.print(
            "\(report.topics.values.count(where: \.isDone)) of \(report.topics.count) topics in \(report.seconds) s")
    }
}
