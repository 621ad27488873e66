import ClusterModel
import Controller

/// Which topics of its source a link mirrors exactly, and why it leaves the others.
package struct ExactTopics: Sendable {
    /// Why a topic is not mirrored.
    package enum Objection: Sendable, Equatable {
        /// It is not among the link's topics.
        case notSelected
        /// Brokers' and mirrors' own.
        case isInternal
        /// A fork of a mirror topic, made for a drill at the source.
        case isFork
        /// Its home is the link's target: it came from there.
        case comesFromTarget
        /// The topic moves home, or has moved away from the source and is not mirrored back yet.
        case unsettled
        /// The source does not tell its id (brokers before Apache Kafka 2.8).
        case hasNoID
        /// Its name is that of a copy from the target, or of a copy of one that went there, and it is none.
        case isNamedAsCopy

        /// For people.
        package var description: String {
            switch self {
            case .notSelected: "it is not among the link's topics"
            case .isInternal: "it is a topic of brokers or mirrors, of which each cluster has its own"
            case .isFork: "it is a fork made for a drill (martlet mirror drill), and goes nowhere"
            case .comesFromTarget: "its home is the target: it came from there"
            case .unsettled: "its home is moving, or has moved away from the source"
            case .hasNoID: "the source does not tell its id (it is older than Apache Kafka 2.8)"
            case .isNamedAsCopy: "it is called like a topic that came from the target, and did not come from there"
            }
        }
    }

    package var topics: NameSelection
    package var policy: ReplicationPolicy
    /// nil where nothing but ``policy`` is known of names: they are the same then.
    package var names: LinkNames?
    /// Settings that are the target's own business.
    package var excludedSettings: NameSelection

    package init(_ plan: TopicPlan) {
        self.init(topics: plan.topics, policy: plan.policy, excludedSettings: plan.excludedSettings, names: plan.names)
    }

    package init(
        topics: NameSelection, policy: ReplicationPolicy, excludedSettings: NameSelection, names: LinkNames? = nil
    ) {
        self.names = names
        self.topics = topics
        self.policy = policy
        self.excludedSettings = excludedSettings
    }

    /// nil when the topic is to be mirrored.
    /// - Parameters:
    ///   - topic: its name at the source.
    ///   - standing: what the topic's settings at the source say of its home.
    ///   - targetID: the id of the target's cluster.
    ///   - isMirrored: whether the target has it as this link's mirror topic. Then it is mirrored to its end also when
    ///     it has been fenced at the source, as a planned promotion does first.
    package func objection(
        to topic: String, id: KafkaUUID, standing: MirrorStanding, targetID: String, isMirrored: Bool
    ) -> Objection? {
        // Each cluster has heartbeats of its own.
        if policy.isInternal(topic) || policy.isHeartbeats(topic) { return .isInternal }
        guard topics.contains(topic) else { return .notSelected }
        if standing.isFork { return .isFork }
        if let names, !names.canBring(topic, standing) { return .isNamedAsCopy }
        switch standing.state {
        case .ordinary: break
        // A chain: mirrored to the source from a third cluster, and from there on.
        case .mirroring: if standing.sourceClusterID == targetID { return .comesFromTarget }
        case .fenced, .promoting:
            guard isMirrored else { return standing.sourceClusterID == targetID ? .comesFromTarget : .unsettled }
        }
        return id == .zero ? .hasNoID : nil
    }

    /// Settings of a topic that its mirror gets: those that were set for it, but not what says where its home is and which
    /// link its writers wait for or depend on.
    package func settings(of topic: [String: String]) -> [String: String] {
        topic.filter { name, _ in
            !excludedSettings.contains(name) && !MirrorStanding.keys.contains(name) && !Synchrony.keys.contains(name)
                && !HomeLease.keys.contains(name)
        }
    }

    /// What has to change at the mirror topic; nil values take a setting back to the default.
    package func differences(source: [String: String], target: [String: String]) -> [String: String?] {
        let wanted = settings(of: source)
        let present = settings(of: target)
        var differences: [String: String?] = wanted.filter { present[$0.key] != $0.value }
        for key in present.keys where wanted[key] == nil { differences[key] = .some(nil) }
        return differences
    }
}

extension LinkNames {
    /// Whether the topic of the source has a name at the target, and is no other's there: what came from there, directly or
    /// from further away, came by a link.
    fileprivate func canBring(_ topic: String, _ standing: MirrorStanding) -> Bool {
        !LinkNames.isMarked(atTarget(topic)) && (!namesTargets(topic) || !standing.link.isEmpty)
    }
}
