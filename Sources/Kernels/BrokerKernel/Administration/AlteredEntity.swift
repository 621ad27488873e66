import ClusterModel
import Controller
import KafkaProtocol

/// Whose settings a request alters.
enum AlteredEntity {
    case topic(String)
    /// nil: all brokers.
    case broker(BrokerID?)

    /// - Parameter broker: the one that is asked: what belongs to another is for that one to alter.
    init(_ resourceType: Int8, _ resourceName: String, on broker: BrokerID) throws(AdminRefusal) {
        switch ConfigResource(rawValue: resourceType) {
        case .topic: self = .topic(resourceName)
        case .broker where resourceName.isEmpty: self = .broker(nil)
        case .broker:
            guard let id = Int32(resourceName) else {
                throw AdminRefusal(.invalidRequest, "Broker id must be an integer, but it is: \(resourceName)")
            }
            guard BrokerID(id) == broker else {
                throw AdminRefusal(.invalidRequest, "Unexpected broker id, expected \(broker), but received \(id)")
            }
            self = .broker(broker)
        case .brokerLogger, .clientMetrics, nil:
            throw AdminRefusal(
                .invalidRequest, "Resources of type \(resourceType) have no settings that can be altered here.")
        }
    }

    /// What is set now; nil when there is no such topic.
    func configs(in image: ClusterImage) -> [String: String]? {
        switch self {
        case .topic(let name): image.topics[name]?.configs
        case .broker(nil): image.defaultBrokerConfigs
        case .broker(let id?): image.brokerConfigs[id] ?? [:]
        }
    }

    /// The change from `present` to `configs`, which is refused when something else is set by then.
    func change(from present: [String: String], to configs: [String: String]) -> TreeChange {
        switch self {
        case .topic(let name): .setTopicConfigs(name: name, configs: configs, replacing: present)
        case .broker(let id):
            .setConfigs(
                entity: "brokers/\(id.map { "\($0)" } ?? TreePath.defaultEntity)", configs: configs,
                replacing: present)
        }
    }

    /// What values the setting `name` takes.
    func key(_ name: String) throws(AdminRefusal) -> TopicConfigKey {
        switch self {
        case .topic(let topic):
            if name == Synchrony.linkKey || name == HomeLease.linkKey, InternalTopics.names.contains(topic) {
                throw AdminRefusal(.invalidConfig, "\(topic) is not mirrored: each cluster has its own")
            }
            return try .settable(name)
        case .broker:
            guard let key = DynamicBrokerKeys.named(name) else {
                throw refusal(of: "Cannot update these configs dynamically: Set(\(name))")
            }
            return key
        }
    }

    /// Whether a setting may be taken back that cannot be set: nothing else would rid a broker of one that Apache's
    /// brokers know and these do not.
    func takesBack(_ name: String) -> Bool {
        switch self {
        case .topic: TopicConfigKey.named(name) != nil
        case .broker: true
        }
    }

    /// How Apache Kafka says that a value cannot be.
    func refusal(of objection: String) -> AdminRefusal {
        switch self {
        case .topic: AdminRefusal(.invalidConfig, objection)
        case .broker(let id):
            AdminRefusal(
                .invalidRequest,
                "Invalid config value for resource ConfigResource(type=BROKER, name='\(id.map { "\($0)" } ?? "")'): "
                    + objection)
        }
    }
}
