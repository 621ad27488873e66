/// A topic as one cluster has it.
package struct TopicShape: Sendable, Equatable {
    package var partitionCount: Int32
    /// What was set for this topic; defaults of the cluster are left out.
    package var configuration: [String: String]

    package init(partitionCount: Int32, configuration: [String: String]) {
        self.partitionCount = partitionCount
        self.configuration = configuration
    }
}

/// What has to be done at the target so that it has a remote topic of the right shape.
package enum TopicChange: Sendable, Equatable {
    case create(topic: String, TopicShape)
    case grow(topic: String, partitionCount: Int32)
    /// nil takes a setting back to the default.
    case configure(topic: String, changes: [String: String?])
}

/// Which topics of a source are copied to a target, and under which names and shapes.
package struct TopicPlan: Sendable {
    package var source: String
    package var target: String
    package var policy: ReplicationPolicy
    package var topics: NameSelection
    /// Settings that are the target's own business.
    package var excludedSettings: NameSelection
    package var copiesHeartbeats: Bool
    package var synchronizesSettings: Bool

    package init(
        source: String, target: String, policy: ReplicationPolicy, topics: NameSelection,
        excludedSettings: NameSelection, copiesHeartbeats: Bool, synchronizesSettings: Bool
    ) {
        self.source = source
        self.target = target
        self.policy = policy
        self.topics = topics
        self.excludedSettings = excludedSettings
        self.copiesHeartbeats = copiesHeartbeats
        self.synchronizesSettings = synchronizesSettings
    }

    /// - Parameter copies: topics of the source that are copies from the target, as the mirror's own notes there say;
    ///   with unchanged names nothing else tells them from originals.
    package func copies(_ topic: String, copiesFromTarget copies: Set<String> = []) -> Bool {
        (topics.contains(topic) || (copiesHeartbeats && policy.isHeartbeats(topic)))
            && !policy.isInternal(topic) && !policy.isCycle(topic, to: target) && !copies.contains(topic)
    }

    /// Copies of topics that the source does not have any more, by the names that those had there.
    /// - Parameters:
    ///   - copies: topics of the target of which positions are written down.
    ///   - sources: all topics of the source.
    ///   - targets: all topics of the target.
    package func orphans(
        among copies: Set<String>, sources: Set<String>, targets: Set<String>
    ) -> [String: String] {
        var orphans: [String: String] = [:]
        for remote in copies.intersection(targets) {
            guard let name = policy.originalTopic(of: remote, from: source), !sources.contains(name), self.copies(name)
            else { continue }
            orphans[name] = remote
        }
        return orphans
    }

    /// Why the target's topic of that name cannot become a copy, and what to mend; nil when nothing is known to stand in
    /// its way.
    /// - Parameters:
    ///   - counts: of partitions, at the source and at the target; nil where the target has no such topic.
    ///   - otherLink: another one that brings a topic of that name; nil for none.
    package func obstacle(
        to topic: String, counts: (source: Int32, target: Int32?), otherLink: String?
    ) -> String? {
        let remote = policy.remoteTopic(topic, of: source)
        if let otherLink {
            return
                "link \(otherLink) brings \(remote) to \(target) as well: leave it out of one of the two (topics.exclude)"
        }
        guard let present = counts.target, present > counts.source else { return nil }
        return
            "\(remote) has \(present) partitions at \(target), and at \(source) \(counts.source): delete it there, or "
            + "leave it out (topics.exclude)"
    }

    /// What is said of a topic of the target in which records stand that this link has not brought.
    package func foreignContents(of topic: String) -> String {
        "\(policy.remoteTopic(topic, of: source)) has records of its own at \(target), which did not come from \(source): "
            + "delete it there, or leave it out (topics.exclude)"
    }

    /// Patterns that match none of these topics, and are more than `.*`.
    package func patternsWithoutTopic(among names: some Sequence<String>) -> [String] {
        let matched = Set(names.flatMap { topics.patterns(matching: $0) })
        return topics.patterns.filter { !matched.contains($0) && $0 != ".*" }
    }

    /// The changes that make the target follow, in order of topics.
    /// - Parameters:
    ///   - sources: the topics to copy, by their names at the source.
    ///   - targets: all topics of the target.
    package func changes(sources: [String: TopicShape], targets: [String: TopicShape]) -> [TopicChange] {
        var changes: [TopicChange] = []
        for (name, shape) in sources.sorted(by: { $0.key < $1.key }) {
            let remote = policy.remoteTopic(name, of: source)
            let wanted = shape.configuration.filter { !excludedSettings.contains($0.key) }
            guard let present = targets[remote] else {
                let shape = TopicShape(partitionCount: shape.partitionCount, configuration: wanted)
                changes.append(.create(topic: remote, shape))
                continue
            }
            if present.partitionCount < shape.partitionCount {
                changes.append(.grow(topic: remote, partitionCount: shape.partitionCount))
            }
            guard synchronizesSettings else { continue }
            var differences: [String: String?] = wanted.filter { present.configuration[$0.key] != $0.value }
            for key in present.configuration.keys where wanted[key] == nil && !excludedSettings.contains(key) {
                differences[key] = .some(nil)
            }
            if !differences.isEmpty { changes.append(.configure(topic: remote, changes: differences)) }
        }
        return changes
    }
}
