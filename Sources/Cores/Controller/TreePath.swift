import ClusterModel
import Security

/// The paths of the coordination tree, as Apache Kafka 3.9 lays it out.
package enum TreePath {
    package static let brokerIDs = "/brokers/ids"
    package static let topics = "/brokers/topics"
    package static let topicConfigs = "/config/topics"
    package static let brokerConfigs = "/config/brokers"
    package static let topicsToDelete = "/admin/delete_topics"
    /// Ours: the ids of topics that were deleted, for brokers that were not there (``DeletedTopicNode``).
    package static let deletedTopics = "/admin/martlet_deleted_topics"
    package static let userConfigs = "/config/users"
    package static let preferredElection = "/admin/preferred_replica_election"
    package static let reassignment = "/admin/reassign_partitions"
    package static let cluster = "/cluster"
    package static let clusterID = "\(cluster)/id"
    package static let controller = "/controller"
    package static let controllerEpoch = "/controller_epoch"
    package static let feature = "/feature"
    package static let producerIDBlock = "/latest_producer_id_block"
    package static let configChanges = "/config/changes"
    /// Sequential: the server puts ten digits behind it.
    package static let configChange = "\(configChanges)/config_change_"
    /// The name of the node that holds the settings of all brokers.
    package static let defaultEntity = "<default>"

    package static func broker(_ id: BrokerID) -> String { "\(brokerIDs)/\(id)" }
    package static func topic(_ name: String) -> String { "\(topics)/\(name)" }
    package static func partitions(of topic: String) -> String { "\(topics)/\(topic)/partitions" }
    package static func partition(_ partition: TopicPartition) -> String {
        "\(topics)/\(partition.topic)/partitions/\(partition.partition)"
    }
    package static func state(of partition: TopicPartition) -> String { "\(Self.partition(partition))/state" }
    package static func config(ofTopic name: String) -> String { "\(topicConfigs)/\(name)" }
    /// - Parameter entity: its path below `/config`.
    package static func config(of entity: String) -> String { "/config/\(entity)" }
    package static func deletedTopic(_ id: KafkaUUID) -> String { "\(deletedTopics)/\(id)" }
    /// The folder of a user's settings for single clients.
    package static func clientConfigs(ofUser user: String) -> String { "\(userConfigs)/\(user)/clients" }
    package static func deletion(ofTopic name: String) -> String { "\(topicsToDelete)/\(name)" }

    /// Rules of access about literal patterns, by type.
    package static let accessRules = "/kafka-acl"
    /// Those about prefixed patterns, by type.
    package static let prefixedAccessRules = "/kafka-acl-extended/prefixed"
    package static let accessChanges = "/kafka-acl-changes"
    package static let prefixedAccessChanges = "/kafka-acl-extended-changes"

    package static func accessRules(of form: ResourcePattern.Form, _ type: ResourceType) -> String {
        "\(form == .literal ? accessRules : prefixedAccessRules)/\(type.name)"
    }
    package static func accessRules(about pattern: ResourcePattern) -> String {
        "\(accessRules(of: pattern.form, pattern.type))/\(pattern.name)"
    }
    /// Where notices of changed rules stand, by which Apache's brokers hear of them.
    package static func accessChanges(of form: ResourcePattern.Form) -> String {
        form == .literal ? accessChanges : prefixedAccessChanges
    }

    /// The folders of rules, one a form and type.
    package static let accessFolders = ResourcePattern.Form.allCases.flatMap { form in
        ResourceType.allCases.map { accessRules(of: form, $0) }
    }
    /// The nodes a starting broker with access control makes besides when they are absent, parents first.
    package static let persistentForAccess =
        [accessRules, accessChanges, "/kafka-acl-extended", prefixedAccessRules, prefixedAccessChanges]
        + accessFolders

    /// The nodes a starting broker makes when they are absent, parents first.
    package static let persistent: [String] = [
        "/consumers", "/brokers", "/brokers/ids", "/brokers/topics", "/config", "/config/changes", "/admin",
        topicsToDelete, deletedTopics, "/brokers/seqid", "/isr_change_notification", "/latest_producer_id_block",
        "/log_dir_event_notification", "/config/topics", "/config/clients", "/config/users", "/config/brokers",
        "/config/ips", "/cluster",
    ]

    /// Subtrees and nodes whose changes a broker follows.
    package static let followed = [
        "/brokers", "/config", topicsToDelete, deletedTopics, preferredElection, reassignment, controller,
        controllerEpoch,
    ]
    /// Those besides whose changes a broker with access control follows.
    package static let followedForAccess = [accessRules, prefixedAccessRules]
}

/// A node of the tree that a ``ClusterImage`` is made of.
package enum TreeNode: Sendable, Hashable {
    case clusterID
    case controller
    case controllerEpoch
    case broker(BrokerID)
    case topic(String)
    case partitionState(TopicPartition)
    case topicConfig(String)
    case brokerConfig(BrokerID)
    case defaultBrokerConfig
    case topicDeletion(String)
    case deletedTopic(KafkaUUID)
    /// By its path below `/config`: of clients, users and addresses.
    case entityConfig(String)
    case preferredElection
    case reassignment
    case accessRules(ResourcePattern)

    /// The node at `path`; nil for those an image is not made of.
    package init?(path: String) {
        switch path {
        case TreePath.clusterID: self = .clusterID
        case TreePath.controller: self = .controller
        case TreePath.controllerEpoch: self = .controllerEpoch
        case TreePath.preferredElection: self = .preferredElection
        case TreePath.reassignment: self = .reassignment
        default:
            guard let node = Self.inFolder(path.split(separator: "/", omittingEmptySubsequences: false)) else {
                return nil
            }
            self = node
        }
    }

    /// `names` has the empty one before the first `/`.
    private static func inFolder(_ names: [Substring]) -> TreeNode? {
        guard names.count >= 4, names[0].isEmpty, !names[3].isEmpty else { return nil }
        let name = String(names[3])
        switch (names[1], names[2], names.count) {
        case ("brokers", "ids", 4): return Int32(name).map { .broker(BrokerID($0)) }
        case ("brokers", "topics", 4): return .topic(name)
        case ("brokers", "topics", 7):
            guard names[4] == "partitions", names[6] == "state", let partition = Int32(names[5]) else { return nil }
            return .partitionState(TopicPartition(topic: name, partition: partition))
        case ("config", "topics", 4): return .topicConfig(name)
        case ("config", "brokers", 4):
            if name == TreePath.defaultEntity { return .defaultBrokerConfig }
            return Int32(name).map { .brokerConfig(BrokerID($0)) }
        case ("config", "clients", 4), ("config", "users", 4), ("config", "ips", 4):
            return .entityConfig("\(names[2])/\(name)")
        case ("config", "users", 6):
            return names[4] == "clients" ? .entityConfig("users/\(name)/clients/\(names[5])") : nil
        case ("admin", "delete_topics", 4): return .topicDeletion(name)
        case ("admin", "martlet_deleted_topics", 4): return KafkaUUID(name).map { .deletedTopic($0) }
        case ("kafka-acl", _, 4): return accessRules(ofType: names[2], .literal, name)
        case ("kafka-acl-extended", "prefixed", 5): return accessRules(ofType: names[3], .prefixed, String(names[4]))
        default: return nil
        }
    }

    /// nil for a type that we do not know.
    private static func accessRules(
        ofType type: Substring, _ form: ResourcePattern.Form, _ name: String
    ) -> TreeNode? {
        guard let type = ResourceType(name: String(type)), !name.isEmpty else { return nil }
        return .accessRules(ResourcePattern(type, name, form))
    }

    package var path: String {
        switch self {
        case .clusterID: TreePath.clusterID
        case .controller: TreePath.controller
        case .controllerEpoch: TreePath.controllerEpoch
        case .broker(let id): TreePath.broker(id)
        case .topic(let name): TreePath.topic(name)
        case .partitionState(let partition): TreePath.state(of: partition)
        case .topicConfig(let name): TreePath.config(ofTopic: name)
        case .brokerConfig(let id): "\(TreePath.brokerConfigs)/\(id)"
        case .defaultBrokerConfig: "\(TreePath.brokerConfigs)/\(TreePath.defaultEntity)"
        case .topicDeletion(let name): TreePath.deletion(ofTopic: name)
        case .deletedTopic(let id): TreePath.deletedTopic(id)
        case .entityConfig(let entity): TreePath.config(of: entity)
        case .preferredElection: TreePath.preferredElection
        case .reassignment: TreePath.reassignment
        case .accessRules(let pattern): TreePath.accessRules(about: pattern)
        }
    }
}
