import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import WireCoding

/// Topics and settings of one cluster. Everything is tried again after retriable faults, so an operation whose answer
/// was lost may be told that it has been done already.
public struct Administrator: Sendable {
    package let client: KafkaClient

    public init(_ client: KafkaClient) {
        self.client = client
    }

    static let timeoutInMilliseconds: Int32 = 30_000

    // MARK: Cluster and topics

    /// Brokers, controller and cluster id as they are now.
    package func describeCluster() async throws -> ClusterMetadata {
        try await client.retrying { try await client.refreshMetadata(topics: []) }
    }

    /// All topics, or the named ones; those that do not exist are absent.
    package func topics(_ names: [String]? = nil) async throws -> [String: ClusterMetadata.Topic] {
        let found = try await client.retrying { try await client.refreshMetadata(topics: names).topics }
        guard let names else { return found }
        return found.filter { names.contains($0.key) }
    }

    /// Those of the named topics of which the cluster says that there are none. Topics that may not be looked at are not
    /// among them.
    package func absent(_ names: [String]) async throws -> Set<String> {
        var request = MetadataRequest()
        request.allowAutoTopicCreation = false
        request.topics = names.map { name in
            var topic = MetadataRequest.MetadataRequestTopic()
            topic.name = name
            return topic
        }
        return try await client.retrying { [request] in
            let told = try await client.send(request, to: .any).topics
            return Set(
                told.filter { $0.errorCode == ErrorCode.unknownTopicOrPartition.rawValue }.compactMap(\.name))
        }
    }

    /// Creates a topic. `partitions` and `replicationFactor` of -1 leave the number to the cluster.
    public func createTopic(
        _ name: String, partitions: Int32 = -1, replicationFactor: Int16 = -1, configuration: [String: String] = [:]
    ) async throws {
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = name
        topic.numPartitions = partitions
        topic.replicationFactor = replicationFactor
        topic.configs = configuration.sorted { $0.key < $1.key }.map { key, value in
            var entry = CreateTopicsRequest.CreatableTopicConfig()
            entry.name = key
            entry.value = value
            return entry
        }
        var request = CreateTopicsRequest()
        request.topics = [topic]
        request.timeoutMs = Self.timeoutInMilliseconds
        try await client.retrying { [request] in
            for result in try await client.send(request, to: .controller).topics {
                try ClientFault.check(result.errorCode, "topic \(name)", result.errorMessage)
            }
        }
    }

    public func deleteTopic(_ name: String) async throws {
        var state = DeleteTopicsRequest.DeleteTopicState()
        state.name = name
        var request = DeleteTopicsRequest()
        request.topics = [state]
        request.topicNames = [name]
        request.timeoutMs = Self.timeoutInMilliseconds
        try await client.retrying { [request] in
            for result in try await client.send(request, to: .controller).responses {
                try ClientFault.check(result.errorCode, "topic \(name)", result.errorMessage)
            }
        }
    }

    /// Raises a topic's partitions to `count` in all.
    public func createPartitions(of name: String, count: Int32) async throws {
        var topic = CreatePartitionsRequest.CreatePartitionsTopic()
        topic.name = name
        topic.count = count
        topic.assignments = nil
        var request = CreatePartitionsRequest()
        request.topics = [topic]
        request.timeoutMs = Self.timeoutInMilliseconds
        try await client.retrying { [request] in
            for result in try await client.send(request, to: .controller).results {
                try ClientFault.check(result.errorCode, "topic \(name)", result.errorMessage)
            }
        }
    }

    /// Removes records below the offsets given (-1: below the high watermark). Returns each log's new start.
    package func deleteRecords(_ before: [TopicPartition: Offset]) async throws -> [TopicPartition: Offset] {
        var starts: [TopicPartition: Offset] = [:]
        for (partition, offset) in before.sorted(by: { $0.key < $1.key }) {
            var entry = DeleteRecordsRequest.DeleteRecordsPartition()
            entry.partitionIndex = partition.partition
            entry.offset = offset
            var topic = DeleteRecordsRequest.DeleteRecordsTopic()
            topic.name = partition.topic
            topic.partitions = [entry]
            var request = DeleteRecordsRequest()
            request.topics = [topic]
            request.timeoutMs = Self.timeoutInMilliseconds
            starts[partition] = try await client.retrying { [request] in
                let answer = try await client.send(request, to: .leader(partition))
                guard let result = answer.topics.first?.partitions.first else {
                    throw ClientFault(.malformed, "no answer for \(partition)")
                }
                try ClientFault.check(result.errorCode, "\(partition)")
                return result.lowWatermark
            }
        }
        return starts
    }

    // MARK: Configurations

    /// What a configuration is of; the raw value is the protocol's resource type.
    package enum Resource: Sendable, Hashable {
        case topic(String)
        case broker(BrokerID)
        /// What was set for all brokers while they ran.
        case allBrokers

        fileprivate var type: Int8 {
            switch self {
            case .topic: 2
            case .broker, .allBrokers: 4
            }
        }

        fileprivate var name: String {
            switch self {
            case .topic(let name): name
            case .broker(let id): "\(id)"
            case .allBrokers: ""
            }
        }
    }

    package struct ConfigurationEntry: Sendable, Equatable {
        package var name: String
        /// Nil when it is secret.
        package var value: String?
        /// Whether it is only what holds where nothing was set.
        package var isDefault: Bool
        package var isReadOnly: Bool
    }

    /// All entries of a configuration, in the broker's order.
    package func configuration(of resource: Resource) async throws -> [ConfigurationEntry] {
        var request = DescribeConfigsRequest()
        request.resources = [Self.question(about: resource)]
        return try await client.retrying { [request] in
            guard let result = try await client.send(request, to: destination(of: resource)).results.first else {
                throw ClientFault(.malformed, "no answer for \(resource.name)")
            }
            try ClientFault.check(result.errorCode, resource.name, result.errorMessage)
            return result.configs.map { ConfigurationEntry($0, ofType: resource.type) }
        }
    }

    /// What was set for topics themselves, read-only settings too, asked for many topics at once. Topics that there are
    /// not are absent.
    package func topicSettings(_ names: [String]) async throws -> [String: [String: String]] {
        var found: [String: [String: String]] = [:]
        for start in stride(from: 0, to: names.count, by: Self.topicsAtOnce) {
            var request = DescribeConfigsRequest()
            request.resources = names[start..<min(start + Self.topicsAtOnce, names.count)]
                .map { Self.question(about: .topic($0)) }
            let results = try await client.retrying { [request] in
                let results = try await client.send(request, to: .controller).results
                for result in results where result.errorCode != ErrorCode.unknownTopicOrPartition.rawValue {
                    try ClientFault.check(result.errorCode, result.resourceName, result.errorMessage)
                }
                return results
            }
            for result in results where result.errorCode == 0 {
                var settings: [String: String] = [:]
                for config in result.configs {
                    let entry = ConfigurationEntry(config, ofType: result.resourceType)
                    if !entry.isDefault { settings[entry.name] = entry.value }
                }
                found[result.resourceName] = settings
            }
        }
        return found
    }

    private static let topicsAtOnce = 500

    private static func question(about resource: Resource) -> DescribeConfigsRequest.DescribeConfigsResource {
        var entry = DescribeConfigsRequest.DescribeConfigsResource()
        entry.resourceType = resource.type
        entry.resourceName = resource.name
        entry.configurationKeys = nil
        return entry
    }

    /// Sets keys, or with nil returns them to their defaults; others stay.
    package func alterConfiguration(of resource: Resource, _ changes: [String: String?]) async throws {
        var entry = IncrementalAlterConfigsRequest.AlterConfigsResource()
        entry.resourceType = resource.type
        entry.resourceName = resource.name
        entry.configs = changes.sorted { $0.key < $1.key }.map { key, value in
            var config = IncrementalAlterConfigsRequest.AlterableConfig()
            config.name = key
            config.value = value
            config.configOperation = value == nil ? 1 : 0
            return config
        }
        var request = IncrementalAlterConfigsRequest()
        request.resources = [entry]
        try await client.retrying { [request] in
            for result in try await client.send(request, to: destination(of: resource)).responses {
                try ClientFault.check(result.errorCode, resource.name, result.errorMessage)
            }
        }
    }

    private func destination(of resource: Resource) -> KafkaClient.Destination {
        switch resource {
        case .topic, .allBrokers: .controller
        case .broker(let id): .broker(id)
        }
    }

    // MARK: Offsets

    /// What to look for in a partition; raw values are the protocol's timestamps.
    package enum OffsetQuestion: Sendable {
        case earliest
        case latest
        /// The record with the highest timestamp (KIP-734).
        case maximumTimestamp
        /// The first record at or after a time in milliseconds since 1970.
        case timestamp(Int64)

        fileprivate var rawValue: Int64 {
            switch self {
            case .latest: -1
            case .earliest: -2
            case .maximumTimestamp: -3
            case .timestamp(let time): time
            }
        }
    }

    package struct FoundOffset: Sendable, Equatable {
        /// -1 when no record is as late as the time asked for.
        package var offset: Offset
        package var timestamp: Int64
        package var leaderEpoch: LeaderEpoch

        init(_ told: ListOffsetsResponse.ListOffsetsPartitionResponse) {
            offset = told.offset
            timestamp = told.timestamp
            leaderEpoch = told.leaderEpoch
        }
    }

    /// Offsets of partitions, one request per leader. `readsCommitted` makes latest the last stable offset.
    package func offsets(
        _ question: OffsetQuestion, of partitions: [TopicPartition], readsCommitted: Bool = false
    ) async throws -> [TopicPartition: FoundOffset] {
        let topics = Set(partitions.map(\.topic)).sorted()
        return try await client.retrying {
            // One question for all leaders instead of one for each topic's.
            if topics.count > 1 { try await client.refreshMetadata(topics: topics) }
            var byLeader: [BrokerID: [TopicPartition]] = [:]
            for partition in partitions {
                byLeader[try await client.leader(of: partition), default: []].append(partition)
            }
            var found: [TopicPartition: FoundOffset] = [:]
            for (leader, partitions) in byLeader.sorted(by: { $0.key < $1.key }) {
                let request = Self.listOffsets(question, partitions, readsCommitted: readsCommitted)
                for topic in try await client.send(request, to: .broker(leader)).topics {
                    for entry in topic.partitions {
                        let partition = TopicPartition(topic: topic.name, partition: entry.partitionIndex)
                        try ClientFault.check(entry.errorCode, "\(partition)")
                        found[partition] = FoundOffset(entry)
                    }
                }
            }
            return found
        }
    }

    static func listOffsets(
        _ question: OffsetQuestion, _ partitions: [TopicPartition], readsCommitted: Bool
    ) -> ListOffsetsRequest {
        var request = ListOffsetsRequest()
        request.replicaId = -1
        request.isolationLevel = readsCommitted ? 1 : 0
        for partition in partitions.sorted() {
            if request.topics.last?.name != partition.topic {
                var topic = ListOffsetsRequest.ListOffsetsTopic()
                topic.name = partition.topic
                request.topics.append(topic)
            }
            var entry = ListOffsetsRequest.ListOffsetsPartition()
            entry.partitionIndex = partition.partition
            entry.timestamp = question.rawValue
            request.topics[request.topics.count - 1].partitions.append(entry)
        }
        return request
    }
}

extension Administrator.ConfigurationEntry {
    fileprivate init(_ config: DescribeConfigsResponse.DescribeConfigsResourceResult, ofType type: Int8) {
        name = config.name
        value = config.value
        // Sources 1 (topic) to 4 were set by somebody; 5 is the default (KIP-226).
        isDefault = config.isDefault || config.configSource == 5 || type == 2 && config.configSource != 1
        isReadOnly = config.readOnly
    }
}
