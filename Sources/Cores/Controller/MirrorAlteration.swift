import ClusterModel

/// A step that a topic's home takes, or the making of its mirror. Each can be repeated: what is so already is left.
package struct MirrorAlteration: Sendable, Equatable {
    package enum Action: Sendable, Equatable {
        /// Makes the mirror topic; or gives it more partitions, other settings.
        case mirror(MirrorTopic)
        /// mirroring → promoting; where the source is lost, in a home epoch that outranks all that it has done alone.
        case beginPromotion(isSourceLost: Bool)
        /// promoting → ordinary, in the next home epoch; what lies behind the cuts, by partition, is dropped.
        case promote(cuts: [Int32: Offset])
        /// ordinary → fenced, as of a later home epoch that another cluster has begun.
        case fence
        /// fenced → mirroring, back from the new home; what lies behind the cuts, by partition, is dropped.
        case rewind(cuts: [Int32: Offset])
        /// fenced → ordinary, in a later home epoch: nobody else has become the home.
        case unfence
        /// fenced → promoting: the home that it has gone to is lost.
        case reclaim
    }

    package var topic: String
    /// ``KafkaUUID/zero`` where it does not matter.
    package var topicID: KafkaUUID
    package var action: Action
    package var link: String
    /// Of the other cluster.
    package var sourceClusterID: String
    /// The topic's own as it is known, but of `fence` and `unfence` the new one.
    package var homeEpoch: Int32

    package init(
        topic: String, topicID: KafkaUUID, action: Action, link: String, sourceClusterID: String, homeEpoch: Int32
    ) {
        self.topic = topic
        self.topicID = topicID
        self.action = action
        self.link = link
        self.sourceClusterID = sourceClusterID
        self.homeEpoch = homeEpoch
    }

    /// The writes that make it so, to be done together; empty when it is so in `image`.
    package func writes(
        on image: ClusterImage, configNodeExists: Bool
    ) throws(ChangeRefusal) -> [TreeWrite] {
        if image.topicsBeingDeleted.contains(topic) {
            throw ChangeRefusal(.unknownTopicOrPartition, "Topic '\(topic)' is being deleted.")
        }
        guard let present = image.topics[topic] else {
            guard case .mirror(let wanted) = action else { throw ChangeRefusal(.unknownTopicOrPartition) }
            return wanted.creation(
                as: mirroring, named: topic, id: topicID, behind: image.deletedTopics[topicID],
                configNodeExists: configNodeExists)
        }
        let standing = MirrorStanding(present.configs)
        if case .mirror(let wanted) = action {
            try checkIsOwn(standing, present)
            return try wanted.alteration(of: present, named: topic, to: mirroring)
        }
        guard topicID == .zero || topicID == present.id else {
            throw ChangeRefusal(.inconsistentTopicID, "Topic '\(topic)' has the id \(present.id), not \(topicID).")
        }
        guard let next = try step(from: standing) else { return [] }
        var configs = next.settings(in: present.configs)
        guard let cuts = action.cuts else { return [present.write(configs, ofTopic: topic)] }
        configs = HomeLease.removed(from: configs)
        let (text, states) = try present.cut(topic, at: cuts)
        configs[MirrorCuts.key] = text
        return [present.write(configs, ofTopic: topic)] + states
    }

    private var mirroring: MirrorStanding {
        MirrorStanding(state: .mirroring, link: link, sourceClusterID: sourceClusterID, homeEpoch: homeEpoch)
    }

    /// Sees that a topic that is there is the mirror topic that is wanted.
    private func checkIsOwn(_ standing: MirrorStanding, _ present: TopicImage) throws(ChangeRefusal) {
        guard present.id == topicID else {
            throw ChangeRefusal(
                .topicAlreadyExists,
                "Topic '\(topic)' has the id \(present.id) here and \(topicID) at the source: it is another topic.")
        }
        switch standing.state {
        case .ordinary:
            throw ChangeRefusal(
                .topicAlreadyExists,
                "Topic '\(topic)' has its home here (home epoch \(standing.homeEpoch)): it is no mirror topic.")
        case .promoting: throw ChangeRefusal(.invalidRequest, "Topic '\(topic)' is being promoted.")
        case .fenced:
            throw ChangeRefusal(
                .topicAlreadyExists, "Topic '\(topic)' was fenced here, and is mirrored again once it is rewound.")
        case .mirroring:
            guard standing.link == link, standing.sourceClusterID == sourceClusterID else {
                throw ChangeRefusal(
                    .topicAlreadyExists,
                    "Topic '\(topic)' is a mirror topic of link \(standing.link) from cluster "
                        + "\(standing.sourceClusterID).")
            }
            guard homeEpoch >= standing.homeEpoch else { throw stale(standing) }
        }
    }

    /// The standing after the step; nil when the topic has taken it.
    private func step(from standing: MirrorStanding) throws(ChangeRefusal) -> MirrorStanding? {
        switch action {
        case .mirror: preconditionFailure("the making of a mirror topic is no step")
        case .beginPromotion(let isSourceLost):
            try promotion(from: standing, begin: .mirroring, end: .promoting, isHomeLost: isSourceLost)
        case .promote: try promotion(from: standing, begin: .promoting, end: .ordinary)
        case .fence: try fencing(of: standing)
        case .rewind: try rewinding(of: standing)
        case .unfence: try unfencing(of: standing)
        case .reclaim: try promotion(from: standing, begin: .fenced, end: .promoting, isHomeLost: true)
        }
    }

    private func promotion(
        from standing: MirrorStanding, begin: MirrorStanding.State, end: MirrorStanding.State, isHomeLost: Bool = false
    ) throws(ChangeRefusal) -> MirrorStanding? {
        // In which it is promoted: whoever has begun may have known of a loss, or not.
        let begun = [homeEpoch, MirrorStanding.epochBeforeTakingOver(from: homeEpoch) ?? homeEpoch]
        // Where the last step was taken, every step was.
        if standing.state == .ordinary, standing.homeEpoch > 0, begun.contains(standing.homeEpoch - 1) { return nil }
        guard standing.state == begin || standing.state == .promoting, standing.link == link else {
            throw unsuited(standing)
        }
        if end == .promoting, standing.state == .promoting, begun.contains(standing.homeEpoch) { return nil }
        guard standing.homeEpoch == homeEpoch else { throw stale(standing) }
        var next = standing
        next.state = end
        if isHomeLost {
            guard let epoch = MirrorStanding.epochBeforeTakingOver(from: homeEpoch) else { throw exhausted(standing) }
            next.homeEpoch = epoch
        }
        if end == .ordinary {
            guard next.homeEpoch < .max else { throw exhausted(standing) }
            next.homeEpoch += 1
        }
        return next
    }

    private func exhausted(_ standing: MirrorStanding) -> ChangeRefusal {
        ChangeRefusal(.invalidRequest, "There is no home epoch behind \(standing.homeEpoch) for topic '\(topic)'.")
    }

    private func fencing(of standing: MirrorStanding) throws(ChangeRefusal) -> MirrorStanding? {
        switch standing.state {
        case .ordinary:
            guard homeEpoch > standing.homeEpoch else { throw stale(standing) }
        case .fenced, .mirroring, .promoting:
            if standing.homeEpoch >= homeEpoch { return nil }
            // What is mirrored here from a third cluster, and from here on, got a new home at the chain's end.
            let isMidway = standing.state == .mirroring && standing.sourceClusterID != sourceClusterID
            guard standing.state == .fenced || standing.state == .promoting || isMidway else {
                throw unsuited(standing)
            }
        }
        return MirrorStanding(state: .fenced, link: link, sourceClusterID: sourceClusterID, homeEpoch: homeEpoch)
    }

    private func rewinding(of standing: MirrorStanding) throws(ChangeRefusal) -> MirrorStanding? {
        if standing == mirroring { return nil }
        guard standing.state == .fenced else { throw unsuited(standing) }
        guard homeEpoch >= standing.homeEpoch else { throw stale(standing) }
        return mirroring
    }

    private func unfencing(of standing: MirrorStanding) throws(ChangeRefusal) -> MirrorStanding? {
        if standing.state == .ordinary, standing.homeEpoch == homeEpoch { return nil }
        guard standing.state == .fenced else { throw unsuited(standing) }
        guard homeEpoch > standing.homeEpoch else { throw stale(standing) }
        return MirrorStanding(
            state: .ordinary, link: standing.link, sourceClusterID: standing.sourceClusterID, homeEpoch: homeEpoch)
    }

    private func stale(_ standing: MirrorStanding) -> ChangeRefusal {
        ChangeRefusal(
            .fencedLeaderEpoch,
            "The home epoch of topic '\(topic)' is \(standing.homeEpoch) here, \(homeEpoch) was asked for.")
    }

    private func unsuited(_ standing: MirrorStanding) -> ChangeRefusal {
        let link = standing.link.isEmpty ? "" : " by link \(standing.link)"
        return ChangeRefusal(
            .invalidRequest,
            "Topic '\(topic)' is \(standing.state.name ?? "ordinary")\(link) (home epoch \(standing.homeEpoch)).")
    }
}

extension MirrorAlteration.Action {
    /// nil of steps that drop nothing.
    fileprivate var cuts: [Int32: Offset]? {
        switch self {
        case .promote(let cuts), .rewind(let cuts): cuts
        default: nil
        }
    }
}

extension TopicImage {
    /// Replaces the topic's settings on condition that they are those of the image.
    func write(_ configs: [String: String], ofTopic name: String) -> TreeWrite {
        let path = TreePath.config(ofTopic: name)
        let text = ConfigNode.text(configs)
        return configVersion < 0
            ? .create(path: path, data: text) : .set(path: path, data: text, version: configVersion)
    }

    /// Begins the next leader epoch of each partition, and says from where on records of earlier ones are dropped.
    fileprivate func cut(
        _ topic: String, at offsets: [Int32: Offset]
    ) throws(ChangeRefusal) -> (text: String?, states: [TreeWrite]) {
        var cuts = MirrorCuts(configs: configs)
        var count = 0
        var states: [TreeWrite] = []
        for (index, partition) in partitions.enumerated() {
            guard var state = partition.state else { continue }
            state.leaderEpoch += 1
            let id = TopicPartition(topic: topic, partition: Int32(index))
            states.append(partition.write(state, of: id))
            if let offset = offsets[id.partition] {
                cuts.add(MirrorCuts.Cut(offset: offset, leaderEpoch: state.leaderEpoch), to: id.partition)
                count += 1
            }
        }
        guard count == offsets.count, offsets.values.allSatisfy({ $0 >= 0 }) else {
            throw ChangeRefusal(.invalidRequest, "Topic '\(topic)' has no such partitions or offsets to be cut at.")
        }
        return (cuts.text, states)
    }
}
