import ArgumentParser
import MirrorServer

/// `martlet mirror drill`: rehearsing the loss of a link's source.
struct MirrorDrill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill",
        abstract:
            "Fork mirror topics for an application's rehearsal beside the running mirror, and throw the forks away.",
        discussion: """
            A fork is a writable topic at the link's target with the offsets and bytes that its mirror topic had when \
            the drill began, and with groups' positions. Mirroring goes on; no link takes a fork for its own, or copies \
            it.
            """,
        subcommands: [MirrorDrillStart.self, MirrorDrillReport.self, MirrorDrillEnd.self])
}

/// `martlet mirror drill start`.
struct MirrorDrillStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Fork a link's mirror topics, and tell how long that took.",
        discussion: "If this is killed, run it again: it goes on. Forks that are writable already are left as they are."
    )

    @OptionGroup var options: LinkOptions
    @OptionGroup var drill: DrillOptions
    @Option(help: "What stands before the names of groups that get positions; without it the prefix of the forks.")
    var groupPrefix: String?
    @Flag(help: "Change nothing; tell what would be forked, and whether there is room.") var dryRun = false

    func run() async throws {
        let selection = try options.selection()
        try await drill.run(options) { drill in
            let report = try await drill.start(
                selection, groupPrefix: groupPrefix ?? self.drill.prefix, isRehearsal: dryRun)
            try report.tell(options)
            if !report.isDone, !report.isRehearsal { throw ExitCode(1) }
        }
    }
}

/// `martlet mirror drill report`.
struct MirrorDrillReport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Tell how the forks of a drill stand, and compare them with their mirror topics.")

    @OptionGroup var options: LinkOptions
    @OptionGroup var drill: DrillOptions

    func run() async throws {
        let selection = try options.selection()
        try await drill.run(options) { drill in
            let report = try await drill.report(selection)
            try report.tell(options)
            if !report.isDone { throw ExitCode(1) }
        }
    }
}

/// `martlet mirror drill end`.
struct MirrorDrillEnd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "end", abstract: "Delete the forks of a drill, and what groups had committed in them.",
        discussion: "Deletes nothing but topics that this drill has made. If this is killed, run it again.")

    @OptionGroup var options: LinkOptions
    @OptionGroup var drill: DrillOptions
    @Flag(help: "Change nothing; tell what would be deleted.") var dryRun = false

    func run() async throws {
        let selection = try options.selection()
        try await drill.run(options) { drill in
            let report = try await drill.end(selection, isRehearsal: dryRun)
            if options.json { return try LinkOptions.printJSON(report) }
            for topic in report.deletedTopics { print("\(dryRun ? "would delete" : "deleted") \(topic)") }
            for (group, count) in report.forgottenPositions.sorted(by: { $0.key < $1.key }) {
                print("\(count) positions of group \(group) in them")
            }
            if report.deletedTopics.isEmpty { print("there are no forks of link \(report.link) with this prefix") }
        }
    }
}

/// What the steps of a drill have in common.
struct DrillOptions: ParsableArguments {
    @Option(help: "What stands before the names of forks; also what tells drills of one link apart.")
    var prefix = "drill."
    @Option(help: "How long to wait for leaders, in seconds.") var timeout = 60.0
    @Option(help: "How long to ask a source that may be lost, in seconds.") var sourceTimeout = 2.0

    func validate() throws {
        if timeout <= 0 { throw ValidationError("--timeout must be above 0") }
        if sourceTimeout <= 0 { throw ValidationError("--source-timeout must be above 0") }
    }

    func run(_ options: LinkOptions, _ body: (Drill) async throws -> Void) async throws {
        try await options.withEnds(sourceTimeout: .seconds(sourceTimeout)) { ends in
            try await body(try Drill(ends, prefix: prefix, waitingAtMost: .seconds(timeout)))
        }
    }
}

extension DrillReport {
    fileprivate func tell(_ options: LinkOptions) throws {
        if options.json { return try LinkOptions.printJSON(self) }
        var rows = [
            [
                "TOPIC", "FORK", "STATE", "RECORDS", "BYTES", "ON-DISK", "SAME", "SECONDS", "MAY-BE-LOST", "MS",
                "ABORTED",
            ]
        ]
        for (name, topic) in topics.sorted(by: { $0.key < $1.key }) {
            rows.append([
                name, topic.fork, topic.state.rawValue, "\(topic.records)", "\(topic.bytes)", "\(topic.spaceInBytes)",
                isRehearsal ? "-" : topic.areEqual ? "yes" : "NO", text(topic.secondsToWritable),
                text(topic.recordsPossiblyLost), text(topic.millisecondsPossiblyLost), "\(topic.abortedTransactions)",
            ])
        }
        Table.print(rows)
        tellPositions()
        for (name, topic) in topics.sorted(by: { $0.key < $1.key }) {
            if let fault = topic.fault { print("\(topic.fork): \(fault)") }
            for one in topic.partitions {
                if let fault = one.fault { print("\(name)-\(one.partition): \(fault)") }
            }
        }
        for (group, fault) in groupFaults.sorted(by: { $0.key < $1.key }) {
            print("group \(group) has no positions: \(fault)")
        }
        tellRest()
    }

    private func tellPositions() {
        if positions.isEmpty { return }
        Table.print(
            [["GROUP", "PARTITION", "OFFSET", "LAG"]]
                + positions.map {
                    [$0.group, "\($0.topic)-\($0.partition)", "\($0.offset)", text($0.lagInRecords)]
                })
    }

    private func tellRest() {
        if topics.isEmpty { print("there are no forks of link \(link) with prefix \(prefix)") }
        if capacity.neededBytes > 0 { print("\(capacity.neededBytes) bytes are needed") }
        for broker in capacity.brokers {
            print("broker \(broker.broker) has \(broker.usableBytes) of \(broker.totalBytes) bytes free")
        }
        print("clients prove themselves as this tool does: \(securityProtocol)")
        for one in following { one.tellStanding() }
        if let sourceFault { print("the source could not be asked: \(sourceFault)") }
        if isRehearsal { return print("nothing was changed") }
        if let secondsToWritable { print("writable after \(secondsToWritable) s") }
    }

    private func text(_ number: (some CustomStringConvertible)?) -> String { number.map { "\($0)" } ?? "?" }
}
