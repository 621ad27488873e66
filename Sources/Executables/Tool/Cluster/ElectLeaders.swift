import ArgumentParser
import ClusterModel
import KafkaProtocol
import MartletClient

/// `martlet elect-leaders`: what `kafka-leader-election.sh` does, with its flags.
struct ElectLeaders: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have partitions led by their first replicas, or by any where nobody leads.")

    enum ElectionType: String, ExpressibleByArgument, CaseIterable {
        case preferred, unclean
    }

    @OptionGroup var cluster: ClusterOptions
    @Option(help: "preferred: the first replica, if it is in sync. unclean: any that lives, at the price of records.")
    var electionType: ElectionType
    @Option(help: "The topic.") var topic: String?
    @Option(help: "The partition; all of the topic if not given.") var partition: Int32?
    @Flag(help: "All partitions of all topics.") var allTopicPartitions = false

    func validate() throws {
        if (topic == nil) != allTopicPartitions { throw ValidationError("give --topic or --all-topic-partitions") }
        if partition != nil, topic == nil { throw ValidationError("--topic is missing") }
    }

    func run() async throws {
        try await cluster.withClient { client in
            let administrator = Administrator(client)
            let election: Administrator.Election = electionType == .preferred ? .preferred : .unclean
            var hasFailed = false
            for (partition, refusal) in try await administrator.electLeaders(
                election, of: try await partitions(administrator))
            {
                print("\(partition): \(refusal.map { "\($0)" } ?? "elected")")
                if let refusal, refusal.code != .electionNotNeeded { hasFailed = true }
            }
            if hasFailed { throw ExitCode.failure }
        }
    }

    private func partitions(_ administrator: Administrator) async throws -> [TopicPartition]? {
        guard let topic else { return nil }
        if let partition { return [TopicPartition(topic: topic, partition: partition)] }
        guard let found = try await administrator.topics([topic])[topic] else {
            throw CommandFailure("topic '\(topic)' does not exist")
        }
        return found.partitions.map { TopicPartition(topic: topic, partition: $0.index) }
    }
}
