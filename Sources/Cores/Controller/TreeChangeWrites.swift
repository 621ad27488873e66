import ClusterModel
import Security

extension TreeChange {
    /// The writes that make the change, in order; each transaction only after the one before.
    ///
    /// - Parameters:
    ///   - image: what the conditions are taken from.
    ///   - configNode: what stands at ``configPath``.
    package func transactions(
        on image: ClusterImage, configNode: NodeReading?
    ) throws(ChangeRefusal) -> [TreeTransaction] {
        switch self {
        case .createTopic(let name, let id, let assignment, let configs):
            let node = TopicNode(id: id, assignment: assignment)
            return [
                TreeTransaction([
                    try Self.write(configs, at: TreePath.config(ofTopic: name), over: configNode, replacing: nil),
                    .create(path: TreePath.topic(name), data: node.text),
                ])
            ]
        case .deleteTopic(let name):
            _ = try Self.topic(name, of: image)
            return [TreeTransaction([.create(path: TreePath.deletion(ofTopic: name), data: [])])]
        case .createPartitions(let name, let existing, let assignment):
            let topic = try Self.topic(name, of: image)
            guard topic.partitions.count == existing else {
                throw ChangeRefusal(
                    .invalidPartitions, "The topic has \(topic.partitions.count) partition(s) now.")
            }
            var node = TopicNode(topic)
            node.assignment += assignment
            return [
                TreeTransaction([.set(path: TreePath.topic(name), data: node.text, version: topic.nodeVersion)])
            ]
        case .setTopicConfigs(let name, let configs, let replaced):
            _ = try Self.topic(name, of: image)
            return [
                try Self.alteration(ofEntity: "topics/\(name)", to: configs, over: configNode, replacing: replaced)
            ]
        case .setConfigs(let entity, let configs, let replaced):
            return [try Self.alteration(ofEntity: entity, to: configs, over: configNode, replacing: replaced)]
        case .reassign(let name, let targets):
            return [TreeTransaction(try Self.reassignment(of: name, to: targets, on: image))]
        case .electLeader(let id, let isUnclean):
            guard let partition = image.partition(id) else { throw ChangeRefusal(.unknownTopicOrPartition) }
            let state = try partition.election(of: id, isUnclean: isUnclean, in: image)
            return [TreeTransaction([partition.write(state, of: id)])]
        case .setInSync(let id, let topicID, let isr, let leaderEpoch, let stateVersion):
            guard image.topics[id.topic]?.id == topicID, let partition = image.partition(id),
                var state = partition.state
            else {
                throw ChangeRefusal(.unknownTopicOrPartition)
            }
            guard state.leaderEpoch == leaderEpoch else { throw ChangeRefusal(.fencedLeaderEpoch) }
            // An image may be behind the leader's own last write, never ahead of it unseen.
            guard partition.stateVersion <= stateVersion else { throw ChangeRefusal(.invalidUpdateVersion) }
            state.isr = isr
            let path = TreePath.state(of: id)
            return [TreeTransaction([.set(path: path, data: state.text, version: stateVersion)])]
        case .alterMirror(let alteration):
            let writes = try alteration.writes(on: image, configNodeExists: configNode != nil)
            return writes.isEmpty ? [] : [TreeTransaction(writes)]
        case .affirmHomes(let affirmations):
            var checks: [TreeWrite] = []
            for affirmation in affirmations { checks.append(try affirmation.check(on: image)) }
            return [TreeTransaction(checks)]
        case .alterAccess(let pattern, let added, let removed):
            return try Self.access(to: pattern, adding: added, removing: removed, over: configNode)
        }
    }

    private static func topic(_ name: String, of image: ClusterImage) throws(ChangeRefusal) -> TopicImage {
        guard let topic = image.topics[name] else { throw ChangeRefusal(.unknownTopicOrPartition) }
        return topic
    }

    /// - Parameter replaced: what is to stand there now; nil: anything.
    private static func write(
        _ configs: [String: String], at path: String, over node: NodeReading?, replacing replaced: [String: String]?
    ) throws(ChangeRefusal) -> TreeWrite {
        let text = ConfigNode.text(configs)
        if let replaced, replaced != node?.settings ?? [:] { throw ChangeRefusal(.invalidUpdateVersion) }
        guard let node else { return .create(path: path, data: text) }
        return .set(path: path, data: text, version: replaced == nil ? -1 : node.version)
    }

    /// On the condition that the node is still what was read; with a notice, by which Apache's brokers hear of it.
    private static func access(
        to pattern: ResourcePattern, adding added: [AccessEntry], removing removed: [AccessEntry],
        over node: NodeReading?
    ) throws(ChangeRefusal) -> [TreeTransaction] {
        let path = TreePath.accessRules(about: pattern)
        var present: Set<AccessEntry> = []
        if let node {
            do throws(MalformedNode) { present = Set(try AccessNode.parse(node.data)) } catch {
                throw ChangeRefusal(.invalidRequest, "The rules that are there make no sense, and are left: \(error)")
            }
        }
        let wanted = present.subtracting(removed).union(added)
        guard wanted != present else { return [] }
        let write: TreeWrite
        if let node {
            write =
                wanted.isEmpty
                ? .delete(path: path, version: node.version)
                : .set(path: path, data: AccessNode.text(wanted.sorted()), version: node.version)
        } else {
            write = .create(path: path, data: AccessNode.text(wanted.sorted()))
        }
        let notice = "\(TreePath.accessChanges(of: pattern.form))/acl_changes_"
        return [
            TreeTransaction([
                write, .create(path: notice, data: AccessNode.changeText(pattern), .persistentSequential),
            ])
        ]
    }

    /// With a notice, by which Apache's brokers hear of it.
    private static func alteration(
        ofEntity entity: String, to configs: [String: String], over node: NodeReading?,
        replacing replaced: [String: String]?
    ) throws(ChangeRefusal) -> TreeTransaction {
        TreeTransaction([
            try write(configs, at: TreePath.config(of: entity), over: node, replacing: replaced),
            .create(
                path: TreePath.configChange, data: ConfigNode.changeText(entity: entity), .persistentSequential),
        ])
    }

    /// The topic's node, the states of partitions that lose a replica at once, and what tools asked for by
    /// `/admin/reassign_partitions` without the partitions that are told otherwise now.
    static func reassignment(
        of name: String, to targets: [Int32: [BrokerID]?], on image: ClusterImage
    ) throws(ChangeRefusal) -> [TreeWrite] {
        let topic = try topic(name, of: image)
        var node = TopicNode(topic)
        var states: [TreeWrite] = []
        var requested = image.requestedReassignment?.targets ?? [:]
        for (partition, target) in targets.sorted(by: { $0.key < $1.key }) {
            let id = TopicPartition(topic: name, partition: partition)
            guard let present = image.partition(id) else { throw ChangeRefusal(.unknownTopicOrPartition) }
            let (assignment, state) = try present.redirected(to: target, in: image)
            node.place(Int(partition), assignment)
            if let state { states.append(present.write(state, of: id)) }
            if requested[id] != target { requested[id] = nil }
        }
        var writes = [TreeWrite.set(path: TreePath.topic(name), data: node.text, version: topic.nodeVersion)]
        writes += states
        if let before = image.requestedReassignment, before.targets != requested {
            let text = ReassignmentNode(targets: requested).text
            writes.append(.set(path: TreePath.reassignment, data: text, version: -1))
        }
        return writes
    }

    /// Whether many are made at once, each on what is known already: after a failure they come by thousands.
    package var isMadeWithOthers: Bool {
        switch self {
        case .setInSync, .electLeader, .alterMirror, .affirmHomes: true
        default: false
        }
    }

    /// Whether it is decided anew and tried again when what it was decided on was out of date.
    package var isTriedAgain: Bool {
        switch self {
        case .setInSync, .electLeader: false
        default: true
        }
    }

    /// The node of settings, or of rules, that it writes; nil when it writes none.
    package var configPath: String? {
        switch self {
        case .createTopic(let name, _, _, _), .setTopicConfigs(let name, _, _): TreePath.config(ofTopic: name)
        case .alterMirror(let alteration): TreePath.config(ofTopic: alteration.topic)
        case .setConfigs(let entity, _, _): TreePath.config(of: entity)
        case .alterAccess(let pattern, _, _): TreePath.accessRules(about: pattern)
        default: nil
        }
    }
}

extension TreeChange: CustomStringConvertible {
    /// What it is about, for a log.
    package var description: String {
        switch self {
        case .createTopic(let name, _, _, _): "creation of topic \(name)"
        case .deleteTopic(let name): "deletion of topic \(name)"
        case .createPartitions(let name, _, _): "growth of topic \(name)"
        case .setTopicConfigs(let name, _, _): "settings of topic \(name)"
        case .setConfigs(let entity, _, _): "settings of \(entity)"
        case .reassign(let name, _): "reassignment of topic \(name)"
        case .electLeader(let id, _): "election for \(id)"
        case .setInSync(let id, _, _, _, _): "in-sync set of \(id)"
        case .alterMirror(let alteration): "home of topic \(alteration.topic)"
        case .affirmHomes(let affirmations): "homes of \(affirmations.count) topics"
        case .alterAccess(let pattern, _, _): "rules of access to \(pattern)"
        }
    }
}

extension PartitionImage {
    /// The state after the election of a leader that somebody asked for.
    package func election(
        of id: TopicPartition, isUnclean: Bool, in image: ClusterImage
    ) throws(ChangeRefusal) -> PartitionState {
        let brokers = BrokerStanding(image).serving(id)
        return isUnclean
            ? try PartitionLeadership.uncleanElection(of: self, brokers, controllerEpoch: image.controllerEpoch)
            : try PartitionLeadership.preferredElection(of: self, brokers, controllerEpoch: image.controllerEpoch)
    }

    /// Writes `state` where this image's state stands.
    func write(_ state: PartitionState, of id: TopicPartition) -> TreeWrite {
        .set(path: TreePath.state(of: id), data: state.text, version: stateVersion)
    }
}

extension NodeReading {
    /// What a node of settings says, as images have it: one that makes no sense says nothing.
    fileprivate var settings: [String: String] {
        do throws(MalformedNode) { return try ConfigNode.parse(data) } catch { return [:] }
    }
}
