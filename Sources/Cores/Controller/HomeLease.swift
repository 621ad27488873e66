/// For how long a topic's home may be written after it was last heard that it is the home still.
///
/// A link whose source may be lost from sight without being dead keeps a lease: at the home the leaders take records only
/// while the link renews it, and at the target a failover that cannot tell the old home waits until the longest lease that
/// was ever granted has run out. So there are never two homes.
package enum HomeLease {
    /// The setting of a topic at its home that says which link, `source->target`, renews its lease.
    package static let linkKey = "mirror.lease.link"
    /// The setting of a mirror topic that says how many milliseconds a lease of its source may last. It is set before the
    /// other, and never lowered before the home moves.
    package static let limitKey = "mirror.lease.ms"
    /// Both, sorted. Each cluster has its own.
    package static let keys = [linkKey, limitKey]

    /// How long a lease of a mirror topic's source may last, as the topic's own settings say; nil when there is none.
    package static func limit(_ configs: [String: String]) -> Duration? {
        configs[limitKey].flatMap { Int64($0) }.map { .milliseconds($0) }
    }

    /// The topic's own settings once the home has moved: what was granted does not matter any more.
    static func removed(from configs: [String: String]) -> [String: String] {
        configs.filter { !keys.contains($0.key) }
    }
}

/// That a topic is still the mirror topic of a link, so that the link's source may be written for a while longer, or again.
package struct HomeAffirmation: Sendable, Equatable {
    package var topic: String
    package var link: String
    package var homeEpoch: Int32
    /// How long the lease that is to be renewed lasts; nil where none is.
    package var limit: Duration?

    package init(topic: String, link: String, homeEpoch: Int32, limit: Duration?) {
        self.topic = topic
        self.link = link
        self.homeEpoch = homeEpoch
        self.limit = limit
    }

    /// What fails once the topic's settings are others than in `image`: so the tree itself says that no promotion has
    /// begun, whoever believes to be its controller.
    package func check(on image: ClusterImage) throws(ChangeRefusal) -> TreeWrite {
        guard let present = image.topics[topic], !image.topicsBeingDeleted.contains(topic) else {
            throw ChangeRefusal(.unknownTopicOrPartition)
        }
        let standing = MirrorStanding(present.configs)
        guard standing.state == .mirroring, standing.link == link, standing.homeEpoch == homeEpoch else {
            throw ChangeRefusal(
                .fencedLeaderEpoch,
                "Topic '\(topic)' is \(standing.state.name ?? "ordinary") here (home epoch \(standing.homeEpoch)): its "
                    + "source must not be written any more.")
        }
        if let limit, HomeLease.limit(present.configs) ?? .zero < limit {
            throw ChangeRefusal(
                .invalidRequest, "Topic '\(topic)' does not say here that its source has a lease of that length.")
        }
        return .check(path: TreePath.config(ofTopic: topic), version: present.configVersion)
    }
}
