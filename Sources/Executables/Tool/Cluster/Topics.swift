import ArgumentParser
import ClusterModel
import MartletClient

/// `martlet topics`: what `kafka-topics.sh` does, with its flags.
struct Topics: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List, describe, create, alter and delete topics.")

    enum Action: String, EnumerableFlag {
        case list, describe, create, alter, delete
    }

    @OptionGroup var cluster: ClusterOptions
    @Flag(help: "What to do.") var action: Action
    @Option(help: "The topic.") var topic: String?
    @Option(help: "How many partitions the topic is to have.") var partitions: Int32?
    @Option(help: "How many replicas each partition is to have.") var replicationFactor: Int16?
    @Option(help: "A setting of the new topic; repeat for more.") var config: [KeyAndValue] = []
    @Flag(help: "No error when a topic to create exists.") var ifNotExists = false
    @Flag(help: "No error when a topic to change does not exist.") var ifExists = false
    @Flag(help: "Leave out internal topics.") var excludeInternal = false

    func validate() throws {
        if action != .list, action != .describe, topic == nil { throw ValidationError("--topic is missing") }
        if action == .alter, partitions == nil { throw ValidationError("--partitions is missing") }
    }

    func run() async throws {
        try await cluster.withClient { client in
            let administrator = Administrator(client)
            switch action {
            case .list: for topic in try await topics(administrator) { print(topic.name) }
            case .describe: for topic in try await topics(administrator) { try await describe(topic, administrator) }
            case .create: try await create(administrator)
            case .alter: try await alter(administrator)
            case .delete: try await delete(administrator)
            }
        }
    }

    private func topics(_ administrator: Administrator) async throws -> [ClusterMetadata.Topic] {
        let found = try await administrator.topics(topic.map { [$0] })
        if let topic, found.isEmpty, !ifExists { throw CommandFailure("topic '\(topic)' does not exist") }
        return found.values.filter { !excludeInternal || !$0.isInternal }.sorted { $0.name < $1.name }
    }

    private func describe(_ topic: ClusterMetadata.Topic, _ administrator: Administrator) async throws {
        let configs = try await administrator.configuration(of: .topic(topic.name)).filter { !$0.isDefault }
            .map { "\($0.name)=\($0.value ?? "")" }.joined(separator: ",")
        print(
            "Topic: \(topic.name)\tTopicId: \(topic.id)\tPartitionCount: \(topic.partitions.count)\t"
                + "ReplicationFactor: \(topic.partitions.first?.replicas.count ?? 0)\tConfigs: \(configs)")
        for partition in topic.partitions {
            print(
                "\tTopic: \(topic.name)\tPartition: \(partition.index)\t"
                    + "Leader: \(partition.leader.map { "\($0)" } ?? "none")\t"
                    + "Replicas: \(Self.list(partition.replicas))\tIsr: \(Self.list(partition.inSync))")
        }
    }

    private static func list(_ brokers: [BrokerID]) -> String { brokers.map { "\($0)" }.joined(separator: ",") }

    private func create(_ administrator: Administrator) async throws {
        guard let topic else { return }
        if ifNotExists, try await !administrator.topics([topic]).isEmpty { return }
        try await administrator.createTopic(
            topic, partitions: partitions ?? -1, replicationFactor: replicationFactor ?? -1,
            configuration: config.dictionary)
        print("Created topic \(topic).")
    }

    private func alter(_ administrator: Administrator) async throws {
        guard let topic, let partitions else { return }
        if ifExists, try await administrator.topics([topic]).isEmpty { return }
        try await administrator.createPartitions(of: topic, count: partitions)
    }

    private func delete(_ administrator: Administrator) async throws {
        guard let topic else { return }
        if ifExists, try await administrator.topics([topic]).isEmpty { return }
        try await administrator.deleteTopic(topic)
    }
}

/// Why a command ends without having done what was asked, as a sentence.
struct CommandFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
