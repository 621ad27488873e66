import ArgumentParser
import ClusterModel
import KafkaProtocolGroups
import MartletClient
import Settings

/// `martlet groups`: what `kafka-consumer-groups.sh` does, with its flags.
struct GroupsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups", abstract: "List, describe and delete consumer groups, and move their offsets.")

    enum Action: String, EnumerableFlag {
        case list, describe, delete, resetOffsets
    }

    @OptionGroup var cluster: ClusterOptions
    @Flag(help: "What to do.") var action: Action
    @Option(help: "The group.") var group: String?
    @Flag(help: "With --list: the state of each group as well.") var state = false
    @Flag(help: "With --list: the type of each group as well, classic or consumer (KIP-848).") var type = false
    @Option(help: "With --reset-offsets: the topic, or topic:partition,partition.") var topic: String?
    @Flag(help: "Move to the first records.") var toEarliest = false
    @Flag(help: "Move behind the last records.") var toLatest = false
    @Option(help: "Move to this offset.") var toOffset: Offset?
    @Flag(help: "Do it; without this only what would be done is shown.") var execute = false

    func validate() throws {
        if action != .list, group == nil { throw ValidationError("--group is missing") }
        guard action == .resetOffsets else { return }
        if topic == nil { throw ValidationError("--topic is missing") }
        let targets = [toEarliest, toLatest, toOffset != nil].filter { $0 }.count
        if targets != 1 { throw ValidationError("one of --to-earliest, --to-latest and --to-offset is needed") }
    }

    func run() async throws {
        try await cluster.withClient { client in
            let administrator = Administrator(client)
            switch action {
            case .list: list(try await administrator.groups())
            case .describe: try await describe(administrator)
            case .delete:
                guard let group else { return }
                try await administrator.deleteGroup(group)
                print("Deletion of requested consumer groups ('\(group)') was successful.")
            case .resetOffsets: try await resetOffsets(administrator)
            }
        }
    }

    private func list(_ groups: [Administrator.ListedGroup]) {
        guard state || type else { return groups.forEach { print($0.name) } }
        func row(_ name: String, _ type: String, _ state: String) -> [String] {
            [name] + (self.type ? [type] : []) + (self.state ? [state] : [])
        }
        Table.print([row("GROUP", "TYPE", "STATE")] + groups.map { row($0.name, $0.type, $0.state) })
    }

    private func describe(_ administrator: Administrator) async throws {
        guard let group else { return }
        guard let described = try await administrator.describeAnyGroup(group) else {
            throw CommandFailure("consumer group '\(group)' does not exist")
        }
        let committed = try await administrator.committedOffsets(of: group)
        var readers: [TopicPartition: Administrator.GroupDescription.Member] = [:]
        for member in described.members { for partition in member.partitions { readers[partition] = member } }
        let partitions = Set(committed.keys).union(readers.keys).sorted()
        let ends = try await administrator.offsets(.latest, of: partitions)
        var rows = [
            [
                "GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST",
                "CLIENT-ID",
            ]
        ]
        for partition in partitions {
            let end = ends[partition]?.offset ?? -1
            let offset = committed[partition]?.offset
            let reader = readers[partition]
            rows.append([
                group, partition.topic, "\(partition.partition)", offset.map { "\($0)" } ?? "-", "\(end)",
                offset.map { "\(max(0, end - $0))" } ?? "-", reader?.id ?? "-", reader?.host ?? "-",
                reader?.clientID ?? "-",
            ])
        }
        print("State: \(described.state), members: \(described.members.count), type: \(described.type)")
        Table.print(rows)
    }

    private func resetOffsets(_ administrator: Administrator) async throws {
        guard let group, let topic else { return }
        let partitions = try await partitions(topic, administrator)
        var targets: [TopicPartition: Offset] = [:]
        if let toOffset {
            for partition in partitions { targets[partition] = toOffset }
        } else {
            targets = try await administrator.offsets(toEarliest ? .earliest : .latest, of: partitions)
                .mapValues(\.offset)
        }
        if execute { try await administrator.commitOffsets(targets, of: group) }
        Table.print(
            [["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"]]
                + targets.sorted { $0.key < $1.key }.map {
                    [group, $0.key.topic, "\($0.key.partition)", "\($0.value)"]
                })
    }

    /// `topic` or `topic:0,1`.
    private func partitions(_ text: String, _ administrator: Administrator) async throws -> [TopicPartition] {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard let found = try await administrator.topics([parts[0]])[parts[0]] else {
            throw CommandFailure("topic '\(parts[0])' does not exist")
        }
        let all = found.partitions.map { TopicPartition(topic: parts[0], partition: $0.index) }
        guard parts.count == 2 else { return all }
        return try parts[1].listItems.map { item in
            guard let one = all.first(where: { "\($0.partition)" == item }) else {
                throw CommandFailure("topic '\(parts[0])' has no partition \(item)")
            }
            return one
        }
    }
}

/// Rows in columns.
enum Table {
    static func print(_ rows: [[String]]) {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let line = zip(row, widths).map { text, width in
                text + String(repeating: " ", count: width - text.count)
            }.joined(separator: "  ")
            Swift.print(line)
        }
    }
}
