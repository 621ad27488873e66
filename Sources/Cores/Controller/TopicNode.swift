import ClusterModel

/// What a topic's node holds (`/brokers/topics/<name>`): its id and where its partitions live.
///
/// Version 3 of Apache Kafka's format is written; 1 (no moves, no id) and 2 (no id) are read too.
package struct TopicNode: Sendable, Equatable {
    /// ``KafkaUUID/zero`` when the node has none.
    package var id: KafkaUUID
    /// Indexed by partition.
    package var assignment: [[BrokerID]]
    /// Brokers a move adds, by partition; only partitions that move are in it.
    package var adding: [Int: [BrokerID]]
    /// Brokers a move removes, by partition.
    package var removing: [Int: [BrokerID]]

    package init(
        id: KafkaUUID, assignment: [[BrokerID]], adding: [Int: [BrokerID]] = [:], removing: [Int: [BrokerID]] = [:]
    ) {
        self.id = id
        self.assignment = assignment
        self.adding = adding
        self.removing = removing
    }

    /// The node of a topic as an image shows it.
    package init(_ topic: TopicImage) {
        self.init(id: topic.id, assignment: topic.partitions.map(\.replicas))
        for (index, partition) in topic.partitions.enumerated() {
            if !partition.addingReplicas.isEmpty { adding[index] = partition.addingReplicas }
            if !partition.removingReplicas.isEmpty { removing[index] = partition.removingReplicas }
        }
    }

    /// Puts a partition elsewhere.
    package mutating func place(_ partition: Int, _ replicas: ReplicaAssignment) {
        assignment[partition] = replicas.replicas
        adding[partition] = replicas.adding.isEmpty ? nil : replicas.adding
        removing[partition] = replicas.removing.isEmpty ? nil : replicas.removing
    }

    /// Partitions must be numbered from 0 without gaps.
    package init(parsing text: [UInt8]) throws(MalformedNode) {
        let fields = try NodeFields("topic", text, versions: 1...3)
        let byPartition = try Self.lists(fields, "partitions")
        var assignment: [[BrokerID]] = []
        for index in 0..<byPartition.count {
            guard let replicas = byPartition[index] else { throw fields.malformed("partitions") }
            assignment.append(replicas)
        }
        var id = KafkaUUID.zero
        if let text = fields.object["topic_id"]?.asString {
            guard let parsed = KafkaUUID(text) else { throw fields.malformed("topic_id") }
            id = parsed
        }
        self.init(
            id: id, assignment: assignment, adding: try Self.lists(fields, "adding_replicas"),
            removing: try Self.lists(fields, "removing_replicas"))
    }

    private static func lists(_ fields: NodeFields, _ name: String) throws(MalformedNode) -> [Int: [BrokerID]] {
        guard let value = fields.object[name] else {
            if name == "partitions" { throw fields.malformed(name) }
            return [:]
        }
        guard let object = value.asObject else { throw fields.malformed(name) }
        var lists: [Int: [BrokerID]] = [:]
        for field in object.fields {
            guard let partition = Int32(field.name), partition >= 0 else { throw fields.malformed(name) }
            lists[Int(partition)] = try fields.brokers(field.value, name)
        }
        return lists
    }

    package var text: [UInt8] {
        func object(_ lists: [Int: [BrokerID]]) -> JSONValue {
            var object: JSONObject = [:]
            for (partition, ids) in lists.sorted(by: { $0.key < $1.key }) {
                object.append(String(partition), .brokers(ids))
            }
            return .object(object)
        }
        let partitions = Dictionary(uniqueKeysWithValues: assignment.enumerated().map { ($0.offset, $0.element) })
        var node: JSONObject = ["partitions": object(partitions)]
        if id != .zero { node.append("topic_id", .string(id.description)) }
        node.append("adding_replicas", object(adding))
        node.append("removing_replicas", object(removing))
        node.append("version", .integer(id == .zero ? 2 : 3))
        return JSONValue.object(node).text
    }
}

extension PartitionState {
    package init(parsing text: [UInt8]) throws(MalformedNode) {
        let fields = try NodeFields("partition state", text, versions: 1...1)
        let leader = try fields.integer32("leader")
        self.init(
            leader: leader < 0 ? nil : BrokerID(leader), leaderEpoch: try fields.integer32("leader_epoch"),
            isr: try fields.brokers("isr"), controllerEpoch: try fields.integer32("controller_epoch"))
    }

    package var text: [UInt8] {
        JSONValue.object([
            "controller_epoch": .integer(Int64(controllerEpoch)), "leader": .integer(Int64(leader?.value ?? -1)),
            "version": .integer(1), "leader_epoch": .integer(Int64(leaderEpoch)), "isr": .brokers(isr),
        ]).text
    }
}
