import ClusterModel
import Controller

/// A topic as one cluster has it.
package struct StandingTopic: Sendable, Equatable {
    package var id: KafkaUUID
    package var partitionCount: Int32
    /// What was set for it; defaults of the cluster are left out.
    package var settings: [String: String]

    package init(id: KafkaUUID, partitionCount: Int32, settings: [String: String]) {
        self.id = id
        self.partitionCount = partitionCount
        self.settings = settings
    }

    package var standing: MirrorStanding { MirrorStanding(settings) }

    /// Whether its home is here, and not any more at the cluster of that id, which has it so too.
    package func hasTakenHome(of other: StandingTopic, at cluster: String) -> Bool {
        standing.state == .ordinary && standing.sourceClusterID == cluster && id == other.id
            && standing.homeEpoch > other.standing.homeEpoch
    }
}

extension MirrorStanding {
    /// Whether the link writes the topic.
    package func isMirror(of link: String) -> Bool { state == .mirroring && self.link == link }
}

/// What a link that mirrors exactly does about one topic of its source.
package enum TopicVerdict: Sendable, Equatable {
    /// What a mirror topic has to become so that it can follow.
    package struct Change: Sendable, Equatable {
        /// The target has no such topic yet.
        package var isNew: Bool
        package var partitionCount: Int32
        package var homeEpoch: Int32
        /// nil takes a setting back to the default.
        package var settings: [String: String?]

        package init(isNew: Bool, partitionCount: Int32, homeEpoch: Int32, settings: [String: String?]) {
            self.isNew = isNew
            self.partitionCount = partitionCount
            self.homeEpoch = homeEpoch
            self.settings = settings
        }
    }

    /// It is mirrored; nil when nothing has to change for that.
    case mirror(Change?)
    /// It was promoted at the target, and the source does not know that yet.
    case fence(homeEpoch: Int32)
    /// Its home was at the target and is at the source again, and the target does not know that yet.
    case fenceTarget(homeEpoch: Int32)
    /// It is none of the link's business, now or ever.
    case leave(ExactTopics.Objection)
    /// Something stands in its place at the target: what, and what to do about it, for people.
    case blocked(because: String)
}

extension ExactTopics {
    /// - Parameters:
    ///   - source: the topic as the link's source has it.
    ///   - target: the topic of that name, as it is at the link's target, there; nil when there is none.
    ///   - other: where there is none, the topic that has its id at the target; nil when none has.
    ///   - link: `source->target`.
    ///   - sourceID: the id of the source's cluster.
    ///   - targetID: the id of the target's cluster.
    ///   - comparesSettings: whether settings of a topic that is mirrored already are compared too.
    package func verdict(
        on topic: String, source: StandingTopic, target: StandingTopic?,
        other: (name: String, topic: StandingTopic)? = nil,
        link: String, sourceID: String, targetID: String, comparesSettings: Bool
    ) -> TopicVerdict {
        let standing = target?.standing ?? .ordinary
        let isMirrored = standing.isMirror(of: link)
        let objection = objection(
            to: topic, id: source.id, standing: source.standing, targetID: targetID, isMirrored: isMirrored)
        if let objection {
            let third = objection == .unsettled ? target.flatMap { verdict(onFenced: source, $0, link: link) } : nil
            return third ?? .leave(objection)
        }
        guard let target else {
            return other.map { verdict(on: source, $0.topic, under: $0.name, link: link) }
                ?? .mirror(creation(of: source))
        }
        if isMirrored { return .mirror(change(of: target, toFollow: source, comparesSettings: comparesSettings)) }
        switch standing.state {
        case .mirroring:
            return .blocked(
                because:
                    "it is a mirror topic of link \(standing.link) at the target\(nameAtTarget(topic)): leave it out of "
                    + "one of the two (topics.exclude)")
        case .fenced
        where standing.homeEpoch > source.standing.homeEpoch && source.standing.state == .ordinary
            && standing.sourceClusterID != sourceID:
            // A chain: its home has moved past the target.
            return .fence(homeEpoch: standing.homeEpoch)
        case .fenced where source.hasTakenHome(of: target, at: targetID) && standing.sourceClusterID != sourceID:
            // Its home had moved past the target, and was taken back since; from here the third cluster hears of that.
            return .fenceTarget(homeEpoch: source.standing.homeEpoch)
        case .fenced
        where source.id == target.id && source.standing.state == .ordinary
            && source.standing.homeEpoch == standing.homeEpoch && standing.sourceClusterID != sourceID:
            return Self.twoHomes(ofEpoch: standing.homeEpoch, fencedAt: "target")
        case .ordinary where source.hasTakenHome(of: target, at: targetID),
            .promoting where source.hasTakenHome(of: target, at: targetID):
            return .fenceTarget(homeEpoch: source.standing.homeEpoch)
        case .promoting, .fenced: return .leave(.unsettled)
        case .ordinary where standing.link == link && standing.homeEpoch > source.standing.homeEpoch,
            .ordinary where target.hasTakenHome(of: source, at: sourceID):
            return .fence(homeEpoch: standing.homeEpoch)
        case .ordinary:
            return .blocked(
                because:
                    "the target has an ordinary topic of that name\(nameAtTarget(topic)): delete it there, or leave it "
                    + "out (topics.exclude)")
        }
    }

    /// About a topic that the source was told that its home is at a third cluster, while the target believes to be it: the
    /// later one is.
    private func verdict(
        onFenced source: StandingTopic, _ target: StandingTopic, link: String
    ) -> TopicVerdict? {
        guard source.id == target.id, source.standing.state == .fenced, source.standing.link != link,
            target.standing.state == .ordinary
        else { return nil }
        let (elsewhere, here) = (source.standing.homeEpoch, target.standing.homeEpoch)
        if elsewhere > here { return .fenceTarget(homeEpoch: elsewhere) }
        return elsewhere < here ? .fence(homeEpoch: here) : Self.twoHomes(ofEpoch: here, fencedAt: "source")
    }

    /// Which one is to be it, nobody but people can tell.
    /// - Parameter end: of the link where it is fenced.
    private static func twoHomes(ofEpoch homeEpoch: Int32, fencedAt end: String) -> TopicVerdict {
        .blocked(
            because:
                "two clusters have taken it over when its home was lost, and both are its home (home epoch \(homeEpoch)): "
                + "keep what only one of them has, and delete it there; where this is said still after that, also at the "
                + "link's \(end), where it is fenced")
    }

    /// About a topic that the target has under another name than this link gives it: by another way, or from before the link's
    /// names were changed.
    private func verdict(
        on source: StandingTopic, _ other: StandingTopic, under name: String, link: String
    ) -> TopicVerdict {
        let standing = other.standing
        if standing.state == .ordinary, standing.link == link, standing.homeEpoch > source.standing.homeEpoch {
            return .fence(homeEpoch: standing.homeEpoch)
        }
        let cause = "the target has it as \(name)"
        if standing.isMirror(of: link) {
            return .blocked(
                because:
                    "\(cause), from before this link's replication.policy was changed: set that back, or delete \(name) "
                    + "there and it is mirrored anew")
        }
        let way = standing.link.isEmpty ? "" : " by link \(standing.link)"
        return .blocked(
            because:
                "\(cause)\(way), and a topic can have one name only: leave it out of one of the two (topics.exclude)")
    }

    /// How the mirror topic of a topic begins.
    package func creation(of source: StandingTopic) -> TopicVerdict.Change {
        TopicVerdict.Change(
            isNew: true, partitionCount: source.partitionCount, homeEpoch: source.standing.homeEpoch,
            settings: settings(of: source.settings))
    }

    /// For people, where it is another than at the source.
    private func nameAtTarget(_ topic: String) -> String {
        guard let name = names?.atTarget(topic), name != topic else { return "" }
        return ", \(name)"
    }

    private func change(
        of mirror: StandingTopic, toFollow source: StandingTopic, comparesSettings: Bool
    ) -> TopicVerdict.Change? {
        // Of a topic that was made anew the partitions find out, and the ledger is told.
        guard mirror.id == source.id else { return nil }
        let differences = comparesSettings ? differences(source: source.settings, target: mirror.settings) : [:]
        // What is fenced for its promotion has the epoch that the promotion will give its mirror.
        let homeEpoch =
            source.standing.state == .fenced ? mirror.standing.homeEpoch : source.standing.homeEpoch
        let isBehind =
            source.partitionCount > mirror.partitionCount || homeEpoch > mirror.standing.homeEpoch
        guard isBehind || !differences.isEmpty else { return nil }
        return TopicVerdict.Change(
            isNew: false, partitionCount: source.partitionCount, homeEpoch: homeEpoch, settings: differences)
    }
}
