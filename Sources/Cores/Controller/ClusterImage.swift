import ClusterModel
import Security

/// The cluster as one reading of the coordination tree shows it: what every broker obeys.
///
/// A value: brokers pass it between threads and keep an old one beside a new one. Copies share their storage until
/// changed, and equality of what is shared takes constant time, so ``changes(since:)`` costs little per unchanged
/// topic.
package struct ClusterImage: Sendable, Equatable {
    /// What `/cluster/id` holds; empty before the tree was read.
    package var clusterID: String
    /// Who holds `/controller`; nil while nobody does.
    package var controllerID: BrokerID?
    /// What `/controller_epoch` holds; 0 before the first controller.
    package var controllerEpoch: Int32
    /// Brokers that are registered now.
    package var brokers: [BrokerID: BrokerRegistration]
    /// By name. A topic appears with its node, before its partitions have leaders.
    package private(set) var topics: TopicTable
    private var topicNames: [KafkaUUID: String]
    /// Named under `/admin/delete_topics`: still in `topics`, no longer to be served.
    package var topicsBeingDeleted: Set<String>
    /// Ids of topics that were deleted of late, and the last leader epochs that their partitions had: whoever was not
    /// there has logs of theirs to delete.
    package var deletedTopics: [KafkaUUID: LeaderEpoch]
    /// What is set for clients, users and addresses, by paths below `/config`: `users/alice/clients/app`. Quotas, and
    /// users' credentials.
    package var entityConfigs: [String: [String: String]]
    /// What `/admin/preferred_replica_election` asks for; nil when it is not there.
    package var requestedElection: [TopicPartition]?
    /// What `/admin/reassign_partitions` asks for, by which tools older than KIP-455 move partitions; nil when it is not
    /// there.
    package var requestedReassignment: ReassignmentNode?
    /// Dynamic settings of single brokers (`/config/brokers/<id>`).
    package var brokerConfigs: [BrokerID: [String: String]]
    /// Dynamic settings of all brokers (`/config/brokers/<default>`).
    package var defaultBrokerConfigs: [String: String]

    /// Who may do what; empty where access is not controlled.
    package var access: AccessTable

    /// An image of nothing.
    package init(clusterID: String = "") {
        self.clusterID = clusterID
        controllerID = nil
        controllerEpoch = 0
        brokers = [:]
        topics = TopicTable()
        topicNames = [:]
        topicsBeingDeleted = []
        brokerConfigs = [:]
        defaultBrokerConfigs = [:]
        deletedTopics = [:]
        entityConfigs = [:]
        requestedElection = nil
        requestedReassignment = nil
        access = AccessTable()
    }

    /// The name of the topic that has `id`; nil when none has, and for ``KafkaUUID/zero``.
    package func topicName(of id: KafkaUUID) -> String? { topicNames[id] }

    /// The partition; nil when the topic or the partition is not there.
    package func partition(_ partition: TopicPartition) -> PartitionImage? {
        guard let topic = topics[partition.topic], topic.partitions.indices.contains(Int(partition.partition))
        else { return nil }
        return topic.partitions[Int(partition.partition)]
    }

    /// Puts a topic in, or replaces what was there under its name; nil takes it out.
    package mutating func setTopic(_ name: String, _ topic: TopicImage?) {
        if let old = topics[name], old.id != topic?.id { topicNames[old.id] = nil }
        topics[name] = topic
        if let topic, topic.id != .zero { topicNames[topic.id] = name }
    }

    /// Changes a topic in place; nothing happens when it is not there.
    package mutating func updateTopic(_ name: String, _ change: (inout TopicImage) -> Void) {
        guard var topic = topics.remove(name) else { return }
        let id = topic.id
        change(&topic)
        topics[name] = topic
        guard topic.id != id else { return }
        topicNames[id] = nil
        if topic.id != .zero { topicNames[topic.id] = name }
    }

    /// What is different from `older`, each list sorted.
    package func changes(since older: ClusterImage) -> ClusterChanges {
        var changes = ClusterChanges()
        for name in topics.names(differingFrom: older.topics) {
            switch (older.topics[name], topics[name]) {
            case (nil, _): changes.topicsAdded.append(name)
            case (_, nil): changes.topicsRemoved.append(name)
            default: changes.topicsChanged.append(name)
            }
        }
        let known = Set(brokers.keys).union(older.brokers.keys)
        changes.brokersChanged = known.filter { brokers[$0] != older.brokers[$0] }.sorted()
        changes.controllerChanged =
            controllerID != older.controllerID || controllerEpoch != older.controllerEpoch
        return changes
    }
}

/// What ``ClusterImage/changes(since:)`` found.
package struct ClusterChanges: Sendable, Equatable {
    package var topicsAdded: [String] = []
    /// A topic that was deleted and created again under its name counts as changed; its id tells.
    package var topicsChanged: [String] = []
    package var topicsRemoved: [String] = []
    /// Came, went, or registered again.
    package var brokersChanged: [BrokerID] = []
    package var controllerChanged = false

    package init() {}
}
