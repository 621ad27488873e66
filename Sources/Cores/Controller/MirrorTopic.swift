import ClusterModel

/// What a mirror topic should be like at the link's target.
package struct MirrorTopic: Sendable, Equatable {
    /// As many as the source has.
    package var partitionCount: Int
    /// Of the partitions that are not there yet, in their order; the first replica is the preferred leader.
    package var placement: [[BrokerID]]
    /// Settings that are to be set, or with nil not to be set; others stay as they are.
    package var configs: [String: String?]

    package init(partitionCount: Int, placement: [[BrokerID]], configs: [String: String?]) {
        self.partitionCount = partitionCount
        self.placement = placement
        self.configs = configs
    }

    private func settings(in present: [String: String]) -> [String: String] {
        var settings = present
        for (name, value) in configs { settings[name] = value }
        return settings
    }

    /// - Parameter lastEpoch: of leaders of an earlier topic of that id; nil when none was deleted. The new one's logs
    ///   begin behind it, and what brokers may have of the old one's is cut off whole.
    func creation(
        as standing: MirrorStanding, named name: String, id: KafkaUUID, behind lastEpoch: LeaderEpoch?,
        configNodeExists: Bool
    ) -> [TreeWrite] {
        let path = TreePath.config(ofTopic: name)
        var configs = standing.settings(in: settings(in: [:]))
        if let lastEpoch {
            let cut = MirrorCuts.Cut(offset: 0, leaderEpoch: lastEpoch + 1)
            var cuts = MirrorCuts()
            for index in placement.indices { cuts.add(cut, to: Int32(index)) }
            configs[MirrorCuts.key] = cuts.text
        }
        let text = ConfigNode.text(configs)
        return [
            configNodeExists ? .set(path: path, data: text, version: -1) : .create(path: path, data: text),
            .create(path: TreePath.topic(name), data: TopicNode(id: id, assignment: placement).text),
        ]
    }

    func alteration(
        of topic: TopicImage, named name: String, to standing: MirrorStanding
    ) throws(ChangeRefusal) -> [TreeWrite] {
        var writes: [TreeWrite] = []
        let configs = standing.settings(in: settings(in: topic.configs))
        if configs != topic.configs { writes.append(topic.write(configs, ofTopic: name)) }
        let missing = partitionCount - topic.partitions.count
        guard missing >= 0 else {
            throw ChangeRefusal(
                .invalidPartitions,
                "Topic '\(name)' has \(topic.partitions.count) partition(s) here and \(partitionCount) at the source.")
        }
        guard missing > 0 else { return writes }
        guard placement.count == missing else {
            throw ChangeRefusal(.invalidPartitions, "The topic has \(topic.partitions.count) partition(s) now.")
        }
        var node = TopicNode(topic)
        node.assignment += placement
        writes.append(.set(path: TreePath.topic(name), data: node.text, version: topic.nodeVersion))
        return writes
    }
}
