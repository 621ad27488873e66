import ClusterModel
import Controller
import KafkaProtocol
import Seams

/// A topic that somebody wants.
struct NewTopic {
    /// Where its partitions go.
    enum Placement {
        /// The broker chooses; -1 takes the broker's default.
        case counts(partitions: Int32, replicas: Int16)
        /// Indexed by partition.
        case assigned([[BrokerID]])
    }

    /// How many partitions of a topic one request may ask for; the limit of Apache Kafka's KRaft controller.
    static let mostPartitionsAtOnce = 10_000

    var name: String
    var placement = Placement.counts(partitions: -1, replicas: -1)
    var configs: [String: String] = [:]
}

extension BrokerKernel {
    /// The change that makes the topic, checked against the image.
    mutating func creation(of topic: NewTopic) throws(AdminRefusal) -> TreeChange {
        if let objection = TopicNames.objection(to: topic.name) {
            throw AdminRefusal(.invalidTopicException, objection)
        }
        if image.topics[topic.name] != nil {
            throw AdminRefusal(.topicAlreadyExists, "Topic '\(topic.name)' already exists.")
        }
        if let other = TopicNames.collision(of: topic.name, with: image.topics.keys) {
            throw AdminRefusal(
                .invalidTopicException, "Topic '\(topic.name)' collides with existing topic: \(other)")
        }
        try check(topic.configs)
        return .createTopic(
            name: topic.name, id: .random(using: &generator), assignment: try assignment(of: topic),
            configs: topic.configs)
    }

    /// Sees that topics may have these settings.
    func check(_ configs: [String: String]) throws(AdminRefusal) {
        for (name, value) in configs.sorted(by: { $0.key < $1.key }) {
            let key = try TopicConfigKey.settable(name)
            if let objection = key.objection(to: value) { throw AdminRefusal(.invalidConfig, objection) }
        }
    }

    private mutating func assignment(of topic: NewTopic) throws(AdminRefusal) -> [[BrokerID]] {
        switch topic.placement {
        case .assigned(let assignment):
            try check(assignment)
            return assignment
        case .counts(let partitions, let replicas):
            let partitionCount = partitions == -1 ? settings.defaultPartitionCount : partitions
            let replicaCount = replicas == -1 ? settings.defaultReplicationFactor : replicas
            guard partitionCount > 0 else {
                throw AdminRefusal(.invalidPartitions, "Number of partitions must be larger than 0.")
            }
            guard replicaCount > 0 else {
                throw AdminRefusal(.invalidReplicationFactor, "Replication factor must be larger than 0.")
            }
            return try placed(partitions: Int(partitionCount), replicas: Int(replicaCount))
        }
    }

    /// Places new partitions on the living brokers.
    /// - Parameter existing: those that a growing topic has: its new ones go on where they stand.
    mutating func placed(
        partitions: Int, replicas: Int, after existing: [PartitionImage] = []
    ) throws(AdminRefusal) -> [[BrokerID]] {
        // A few bytes of a request must not cost the broker gigabytes.
        guard partitions <= NewTopic.mostPartitionsAtOnce else {
            throw AdminRefusal(
                .policyViolation,
                "\(partitions) partitions are too many for one request: \(NewTopic.mostPartitionsAtOnce) is the most.")
        }
        // Apache's spread of a growing topic starts at the first leader of old.
        let start = existing.first?.replicas.first.map { leader in
            image.brokers.keys.sorted().firstIndex { $0 >= leader } ?? 0
        }
        do throws(ReplicaPlacement.NotEnoughBrokers) {
            return try ReplicaPlacement.assign(
                partitions: partitions, replicas: replicas, brokers: image.brokers.mapValues(\.rack),
                first: existing.count, start: start ?? Int.random(in: 0..<1 << 16, using: &generator),
                shift: start ?? Int.random(in: 0..<1 << 16, using: &generator))
        } catch {
            throw AdminRefusal(
                .invalidReplicationFactor,
                "Replication factor: \(replicas) larger than available brokers: \(error.living).")
        }
    }

    /// Sees that each partition's replicas are living brokers, none twice, and equally many.
    func check(_ assignment: [[BrokerID]]) throws(AdminRefusal) {
        guard !assignment.isEmpty else {
            throw AdminRefusal(.invalidReplicaAssignment, "An assignment of no partitions.")
        }
        for (partition, replicas) in assignment.enumerated() {
            guard !replicas.isEmpty, replicas.count == assignment[0].count else {
                throw AdminRefusal(
                    .invalidReplicaAssignment,
                    "Partition \(partition) has \(replicas.count) replicas, not like the others.")
            }
            guard Set(replicas).count == replicas.count else {
                throw AdminRefusal(.invalidReplicaAssignment, "Partition \(partition) names a replica twice.")
            }
            for replica in replicas where image.brokers[replica] == nil {
                throw AdminRefusal(
                    .invalidReplicaAssignment, "Partition \(partition) names broker \(replica), which is not alive.")
            }
        }
    }

    /// Asks for topics that a client wants and that are not there, and goes on when they are or cannot be.
    /// - Parameter proceed: called once, with why those could not be made that could not.
    mutating func createAutomatically(
        _ names: [String], then proceed: @escaping (inout BrokerKernel, [String: ErrorCode]) -> Void
    ) {
        let deadline = now + settings.imageTimeout
        gather(names) { (kernel, name, done: @escaping (inout BrokerKernel, ErrorCode?) -> Void) in
            do throws(AdminRefusal) {
                let topic = InternalTopics.definition(
                    of: name, kernel.settings, brokerCount: kernel.image.brokers.count)
                kernel.change(try kernel.creation(of: topic)) { kernel, outcome in
                    let refusal = AdminRefusal(outcome)
                    if let refusal, refusal.error != .topicAlreadyExists { return done(&kernel, refusal.error) }
                    kernel.whenImage(by: deadline) {
                        $0.hasLeaders(name)
                    } then: { kernel, _ in
                        done(&kernel, nil)
                    }
                }
            } catch {
                done(&kernel, error.error)
            }
        } then: { kernel, refusals in
            let refused = zip(names, refusals).compactMap { name, error in error.map { (name, $0) } }
            proceed(&kernel, Dictionary(refused) { first, _ in first })
        }
    }

    /// Whether each partition of the topic has a leader, and those that this broker is to lead it does lead.
    func hasLeaders(_ name: String) -> Bool {
        guard let topic = image.topics[name], !topic.partitions.isEmpty else { return false }
        return topic.partitions.allSatisfy { $0.leader != nil }
    }
}
