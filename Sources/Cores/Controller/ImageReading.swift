import ClusterModel
import Security

/// What a node held when it was read.
package struct NodeReading: Sendable, Equatable {
    package var data: [UInt8]
    /// Of the data; the condition of the next write.
    package var version: Int32
    /// The zxid that created the node.
    package var created: Int64

    package init(data: [UInt8], version: Int32, created: Int64) {
        self.data = data
        self.version = version
        self.created = created
    }
}

extension ClusterImage {
    /// Takes over what a node holds now; nil: it is not there.
    ///
    /// Nodes may come in any order but for one thing: a partition's state counts only when its topic's node has been
    /// taken over, so after a topic's node its partitions' states must be read (``nodesToRead(afterTopic:)``).
    ///
    /// On an error the image is as before; but rules of access that make no sense deny everything
    /// (``AccessTable/setUnreadable(_:)``).
    package mutating func take(_ node: TreeNode, _ reading: NodeReading?) throws(MalformedNode) {
        switch node {
        case .clusterID:
            clusterID = try reading.map { r throws(MalformedNode) in try ClusterIDNode.parse(r.data) } ?? ""
        case .controller:
            controllerID = try reading.map { r throws(MalformedNode) in try ControllerNode(parsing: r.data).broker }
        case .controllerEpoch:
            controllerEpoch =
                try reading.map { r throws(MalformedNode) in try ControllerEpochNode.parse(r.data) } ?? 0
        case .broker(let id):
            brokers[id] = try reading.map { r throws(MalformedNode) in
                try BrokerRegistration(parsing: r.data, epoch: r.created)
            }
        case .topic(let name): try takeTopic(name, reading)
        case .partitionState(let partition):
            let state = try reading.map { r throws(MalformedNode) in try PartitionState(parsing: r.data) }
            let index = Int(partition.partition)
            updateTopic(partition.topic) { topic in
                guard topic.partitions.indices.contains(index) else { return }
                topic.partitions[index].setState(state, version: reading?.version ?? -1)
            }
        case .topicConfig(let name):
            let configs = try Self.configs(reading)
            updateTopic(name) {
                $0.configs = configs
                $0.configVersion = reading?.version ?? -1
            }
        case .brokerConfig(let id): brokerConfigs[id] = reading == nil ? nil : try Self.configs(reading)
        case .defaultBrokerConfig: defaultBrokerConfigs = try Self.configs(reading)
        case .topicDeletion(let name):
            if reading == nil { topicsBeingDeleted.remove(name) } else { topicsBeingDeleted.insert(name) }
        case .deletedTopic(let id):
            deletedTopics[id] = try reading.map { r throws(MalformedNode) in
                try DeletedTopicNode.parse(r.data, of: id)
            }
        case .entityConfig(let entity): entityConfigs[entity] = reading == nil ? nil : try Self.configs(reading)
        case .preferredElection:
            requestedElection = try reading.map { r throws(MalformedNode) in try PreferredElectionNode.parse(r.data) }
        case .reassignment:
            requestedReassignment = try reading.map { r throws(MalformedNode) in
                try ReassignmentNode(parsing: r.data)
            }
        case .accessRules(let pattern):
            do throws(MalformedNode) {
                access.set(pattern, try reading.map { r throws(MalformedNode) in try AccessNode.parse(r.data) } ?? [])
            } catch {
                access.setUnreadable(pattern)
                throw error
            }
        }
    }

    private static func configs(_ reading: NodeReading?) throws(MalformedNode) -> [String: String] {
        guard let reading else { return [:] }
        return try ConfigNode.parse(reading.data)
    }

    private mutating func takeTopic(_ name: String, _ reading: NodeReading?) throws(MalformedNode) {
        guard let reading else { return setTopic(name, nil) }
        let node = try TopicNode(parsing: reading.data)
        // Of a topic that was deleted and created again nothing old may stay.
        let before = topics[name].flatMap { $0.id == node.id ? $0 : nil }
        var topic = TopicImage(id: node.id, configs: before?.configs ?? [:], nodeVersion: reading.version)
        topic.configVersion = before?.configVersion ?? -1
        for (index, replicas) in node.assignment.enumerated() {
            var partition = PartitionImage(
                replicas: replicas, addingReplicas: node.adding[index] ?? [],
                removingReplicas: node.removing[index] ?? [])
            if let before, before.partitions.indices.contains(index) {
                partition.setState(before.partitions[index].state, version: before.partitions[index].stateVersion)
            }
            topic.partitions.append(partition)
        }
        setTopic(name, topic)
    }

    /// What else to read after the topic's node was taken over: the states the image lacks, and the settings.
    package func nodesToRead(afterTopic name: String) -> [TreeNode] {
        guard let topic = topics[name] else { return [] }
        var nodes: [TreeNode] = [.topicConfig(name)]
        for (index, partition) in topic.partitions.enumerated() where partition.stateVersion < 0 {
            nodes.append(.partitionState(TopicPartition(topic: name, partition: Int32(index))))
        }
        return nodes
    }
}
