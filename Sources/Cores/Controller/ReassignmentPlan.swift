import ClusterModel

/// What a person hands to a tool that moves partitions: their replicas, and in which data directory of its broker each
/// is to lie. The format is that of Apache Kafka's `kafka-reassign-partitions.sh`.
package struct ReassignmentPlan: Sendable, Equatable {
    package var targets: [TopicPartition: [BrokerID]]
    /// By broker, the paths of directories; replicas whose broker may choose are not in it.
    package var directories: [BrokerID: [TopicPartition: String]]

    /// One that moves nothing.
    package init() {
        targets = [:]
        directories = [:]
    }

    /// What leaves the choice of a directory to the broker.
    private static let any = "any"

    /// - Throws: also where `log_dirs` names not as many directories as there are replicas.
    package init(parsing text: [UInt8]) throws(MalformedNode) {
        let fields = try NodeFields("reassignment plan", text, versions: 1...1)
        targets = [:]
        directories = [:]
        for (partition, object) in try fields.partitions() {
            guard let value = object["replicas"] else { throw fields.malformed("replicas") }
            let replicas = try fields.brokers(value, "replicas")
            targets[partition] = replicas
            guard let named = object["log_dirs"] else { continue }
            guard let paths = named.asArray, paths.count == replicas.count else { throw fields.malformed("log_dirs") }
            for (broker, path) in zip(replicas, paths) {
                guard let path = path.asString else { throw fields.malformed("log_dirs") }
                if path != Self.any { directories[broker, default: [:]][partition] = path }
            }
        }
    }
}
