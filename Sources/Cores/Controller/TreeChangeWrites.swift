import ClusterModel

extension TreeChange {
    /// The writes that make the change, in order; each transaction only after the one before.
    ///
    /// - Parameters:
    ///   - image: what the conditions are taken from.
    ///   - configNodeExists: whether the topic has a node for its settings.
    /// - Returns: nil when the topic the change is about is not in `image`, or is not as the change expects it.
    package func transactions(on image: ClusterImage, configNodeExists: Bool) -> [TreeTransaction]? {
        switch self {
        case .createTopic(let name, let id, let assignment, let configs):
            let config = ConfigNode.text(configs)
            let configWrite: TreeWrite =
                configNodeExists
                ? .set(path: TreePath.config(ofTopic: name), data: config, version: -1)
                : .create(path: TreePath.config(ofTopic: name), data: config)
            let node = TopicNode(id: id, assignment: assignment)
            return [TreeTransaction([configWrite, .create(path: TreePath.topic(name), data: node.text)])]
        case .deleteTopic(let name):
            guard image.topics[name] != nil else { return nil }
            return [TreeTransaction([.create(path: TreePath.deletion(ofTopic: name), data: [])])]
        case .createPartitions(let name, let existing, let assignment):
            guard let topic = image.topics[name], topic.partitions.count == existing else { return nil }
            var node = TopicNode(topic)
            node.assignment += assignment
            return [
                TreeTransaction([.set(path: TreePath.topic(name), data: node.text, version: topic.nodeVersion)])
            ]
        case .setTopicConfigs(let name, let configs):
            guard image.topics[name] != nil else { return nil }
            let path = TreePath.config(ofTopic: name)
            let text = ConfigNode.text(configs)
            let write: TreeWrite =
                configNodeExists
                ? .set(path: path, data: text, version: -1) : .create(path: path, data: text)
            let notice = TreeWrite.create(
                path: TreePath.configChange, data: ConfigNode.changeText(entity: "topics/\(name)"),
                .persistentSequential)
            return [TreeTransaction([write, notice])]
        case .setInSync(let id, let isr, let leaderEpoch, let stateVersion):
            // An image may be behind the leader's own last write, never ahead of it unseen.
            guard let partition = image.partition(id), var state = partition.state, state.leaderEpoch == leaderEpoch,
                partition.stateVersion <= stateVersion
            else { return nil }
            state.isr = isr
            let path = TreePath.state(of: id)
            return [TreeTransaction([.set(path: path, data: state.text, version: stateVersion)])]
        }
    }

    /// Whether it is a leader's word on its partition: one write, and only on what the leader knew.
    package var isOfLeader: Bool { if case .setInSync = self { true } else { false } }

    /// The topic it is about.
    package var topic: String {
        switch self {
        case .createTopic(let name, _, _, _), .deleteTopic(let name), .createPartitions(let name, _, _),
            .setTopicConfigs(let name, _):
            name
        case .setInSync(let partition, _, _, _): partition.topic
        }
    }
}
