import ClusterModel

/// What `/admin/preferred_replica_election` holds: partitions that some tool wants led by their first replica.
package enum PreferredElectionNode {
    package static func parse(_ text: [UInt8]) throws(MalformedNode) -> [TopicPartition] {
        let fields = try NodeFields("preferred leader election", text, versions: 1...1)
        return try fields.partitions().map(\.0)
    }
}

/// What `/admin/reassign_partitions` holds: where some tool older than KIP-455 wants partitions.
package struct ReassignmentNode: Sendable, Equatable {
    package var targets: [TopicPartition: [BrokerID]]

    package init(targets: [TopicPartition: [BrokerID]]) { self.targets = targets }

    package init(parsing text: [UInt8]) throws(MalformedNode) {
        let fields = try NodeFields("reassignment", text, versions: 1...1)
        targets = [:]
        for (partition, object) in try fields.partitions() {
            guard let replicas = object["replicas"] else { throw fields.malformed("replicas") }
            targets[partition] = try fields.brokers(replicas, "replicas")
        }
    }

    package var text: [UInt8] {
        let partitions = targets.sorted { $0.key < $1.key }.map { id, replicas -> JSONValue in
            .object([
                "topic": .string(id.topic), "partition": .integer(Int64(id.partition)),
                "replicas": .brokers(replicas),
            ])
        }
        return JSONValue.object(["version": .integer(1), "partitions": .array(partitions)]).text
    }
}

extension NodeFields {
    /// The items of the list `partitions`.
    func partitions() throws(MalformedNode) -> [(TopicPartition, JSONObject)] {
        guard let items = object["partitions"]?.asArray else { throw malformed("partitions") }
        var partitions: [(TopicPartition, JSONObject)] = []
        for item in items {
            guard let object = item.asObject, let topic = object["topic"]?.asString,
                let partition = object["partition"]?.asInteger.flatMap({ Int32(exactly: $0) })
            else { throw malformed("partitions") }
            partitions.append((TopicPartition(topic: topic, partition: partition), object))
        }
        return partitions
    }
}
