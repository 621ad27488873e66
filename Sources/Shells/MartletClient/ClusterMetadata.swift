import ClusterModel
import KafkaProtocol

/// What a cluster last said of its brokers and of the topics that were asked for.
package struct ClusterMetadata: Sendable {
    package struct Partition: Sendable {
        package var index: Int32
        /// Nil while there is none.
        package var leader: BrokerID?
        package var leaderEpoch: LeaderEpoch
        package var replicas: [BrokerID]
        package var inSync: [BrokerID]
    }

    package struct Topic: Sendable {
        package var name: String
        package var id: KafkaUUID
        package var isInternal: Bool
        /// In order of their indexes.
        package var partitions: [Partition]
    }

    package var clusterID: String?
    package var controller: BrokerID?
    package var brokers: [BrokerID: ClientSettings.Address]
    package var topics: [String: Topic]

    init(_ response: MetadataResponse) {
        clusterID = response.clusterId
        controller = response.controllerId >= 0 ? BrokerID(response.controllerId) : nil
        brokers = Dictionary(
            response.brokers.map {
                (BrokerID($0.nodeId), ClientSettings.Address(host: $0.host, port: Int($0.port)))
            }, uniquingKeysWith: { $1 })
        topics = [:]
        for topic in response.topics where topic.errorCode == 0 {
            guard let name = topic.name else { continue }
            topics[name] = Topic(topic, name: name)
        }
    }

    /// Takes over what a later answer says, keeping topics that it does not speak of.
    mutating func update(_ later: ClusterMetadata) {
        let topics = topics.merging(later.topics) { $1 }
        self = later
        self.topics = topics
    }

    package func leader(of partition: TopicPartition) -> BrokerID? {
        guard let topic = topics[partition.topic], topic.partitions.indices.contains(Int(partition.partition)) else {
            return nil
        }
        return topic.partitions[Int(partition.partition)].leader
    }
}

extension ClusterMetadata.Topic {
    fileprivate init(_ topic: MetadataResponse.MetadataResponseTopic, name: String) {
        self.name = name
        id = topic.topicId
        isInternal = topic.isInternal
        partitions = topic.partitions.sorted { $0.partitionIndex < $1.partitionIndex }.map { partition in
            ClusterMetadata.Partition(
                index: partition.partitionIndex, leader: partition.leaderId >= 0 ? BrokerID(partition.leaderId) : nil,
                leaderEpoch: partition.leaderEpoch, replicas: partition.replicaNodes.map { BrokerID($0) },
                inSync: partition.isrNodes.map { BrokerID($0) })
        }
    }
}
