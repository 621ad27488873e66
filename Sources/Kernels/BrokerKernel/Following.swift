import ClusterModel
import Controller
import Replication
import SegmentedLog

extension BrokerKernel {
    /// Obeys a new image: opens, leads and deletes partitions, and lets go whoever waited for it.
    mutating func follow(_ newer: ClusterImage) {
        let (older, defaults) = (image, brokerValues)
        let changes = newer.changes(since: older)
        image = newer
        followAccess(since: older.access)
        parkedFetches.noteImage()
        dropOfflinePartitions()
        dropStrayLogs()
        let hasNewDefaults = defaults != brokerValues
        if hasNewDefaults || !hasFollowed { limitReplication() }
        for name in changes.topicsRemoved {
            moves.forgetPreferred(ofTopic: name)
            dropPartitions(of: name, (older.topics[name]?.partitions ?? []).indices) { _ in true }
        }
        let names = hasNewDefaults ? image.topics.keys.sorted() : changes.topicsChanged + changes.topicsAdded
        var due: [DuePartitions] = []
        for name in names {
            guard let topic = image.topics[name] else { continue }
            let hasNewConfigs = hasNewDefaults || older.topics[name]?.configs != topic.configs
            let changed = hasNewConfigs ? nil : partitionsChanged(name, topic, since: older.topics[name])
            // A topic deleted and created again under its name has another id: the old logs are not its logs.
            let brokerID = settings.brokerID
            dropPartitions(of: name, changed ?? Array((older.topics[name]?.partitions ?? []).indices)) {
                $0.topicID != topic.id || !topic.places($0.name.partition, on: brokerID)
            }
            let partitions = (changed ?? Array(topic.partitions.indices)).map {
                TopicPartition(topic: name, partition: Int32($0))
            }
            due.append(
                DuePartitions(name: name, topic: topic, partitions: partitions, hasNewConfigs: hasNewConfigs))
        }
        beginLogs(for: due)
        // Before they hear who is in sync: whom the tree has taken out because it lost its log is not to be asked for again
        // because of what its earlier process had.
        tellLeaders(of: changes.brokersChanged, since: older)
        for one in due {
            let cuts = MirrorCuts(configs: one.topic.configs).cuts
            for name in one.partitions {
                follow(one.topic, name, cuts: cuts[name.partition] ?? [], hasNewConfigs: one.hasNewConfigs)
            }
            throttle(one.name, one.topic, hasNewConfigs: one.hasNewConfigs)
        }
        if !hasFollowed { for report in logStore.reports { perform(.report(report)) } }
        hasFollowed = true
        repeatPositions(since: older)
        tellGroups(ofTopics: changes.topicsAdded + changes.topicsChanged + changes.topicsRemoved)
        loadGroups()
        forgetInGroups(changes.topicsRemoved)
        if !changes.brokersChanged.isEmpty { endDeletionsOfTheLiving() }
        endImageWaits()
    }

    /// The partitions of a topic that are to be looked at; nil for all.
    ///
    /// Of thousands of partitions of a topic the tree may change one after the other.
    private func partitionsChanged(_ name: String, _ topic: TopicImage, since older: TopicImage?) -> [Int]? {
        guard let older, older.id == topic.id, older.partitions.count <= topic.partitions.count else { return nil }
        return topic.partitions.indices.filter { index in
            index >= older.partitions.count || older.partitions[index] != topic.partitions[index]
                || offline[TopicPartition(topic: name, partition: Int32(index))] != nil
        }
    }

    /// Begins the logs of partitions that come to this broker, all at once: each takes a few syncs, and thousands may
    /// come together.
    private mutating func beginLogs(for due: [DuePartitions]) {
        var new: [NewLog] = []
        for one in due {
            let settings = logSettings(of: TopicConfigs(own: one.topic.configs, broker: brokerValues))
            for name in one.partitions where partitions[name] == nil {
                let state = one.topic.partitions[Int(name.partition)]
                guard isPlacedHere(state), !mustStayOffline(name, inSync: state.isr) else { continue }
                // What an earlier topic of the name has left here is none of this one's.
                if let id = logStore.topicID(of: name), id != one.topic.id, one.topic.id != .zero {
                    deleteLog(of: name)
                }
                new.append(
                    NewLog(name, topicID: one.topic.id, settings: settings, in: moves.takePreferred(name)))
            }
        }
        guard !new.isEmpty else { return }
        _ = onLog { [logStore, now] () throws(LogFailure) in try logStore.create(new, at: now) }
    }

    private func isPlacedHere(_ state: PartitionImage) -> Bool {
        state.replicas.contains(settings.brokerID) && state.state != nil
    }

    private func logSettings(of configs: TopicConfigs) -> LogSettings {
        configs.logSettings(
            producerExpirationInMilliseconds: brokerValues.number("producer.id.expiration.ms")
                ?? settings.producerIDExpirationInMilliseconds)
    }

    private mutating func follow(
        _ topic: TopicImage, _ name: TopicPartition, cuts: [MirrorCuts.Cut], hasNewConfigs: Bool
    ) {
        let state = topic.partitions[Int(name.partition)]
        guard isPlacedHere(state) else { return }
        if partitions[name] == nil || hasNewConfigs {
            let configs = TopicConfigs(own: topic.configs, broker: brokerValues)
            guard let partition = partitions[name] ?? open(name, topic.id) else { return }
            partition.log.settings = logSettings(of: configs)
            partition.standing = configs.mirrorStanding
            partition.wantedLink = configs.synchronousLink
            partition.leaseLink = configs.leaseLink
            partition.cuts = cuts
            if partition.standing.state != .ordinary { partition.log.cancelCleaning() }
            upkeep.note(partition)
            if partition.minimumInSyncReplicas != configs.minimumInSyncReplicas {
                partition.minimumInSyncReplicas = configs.minimumInSyncReplicas
                step(partition, .minimumChanged(configs.minimumInSyncReplicas))
            }
        }
        guard let partition = partitions[name] else { return }
        if hasNewConfigs || partition.leaderEpoch != state.leaderEpoch { cutBack(partition) }
        take(up: partition, state)
        if hasNewConfigs {
            synchronize(partition, inNewEpoch: false)
            takeLease(partition)
        }
    }

    /// Leads or follows, as the tree has it.
    private mutating func take(up partition: Partition, _ state: PartitionImage) {
        let led = partition.isLeader
        let hasNewEpoch = partition.leaderEpoch != state.leaderEpoch
        partition.leaderEpoch = state.leaderEpoch
        if state.leader == settings.brokerID {
            let term = LeaderTerm(
                epoch: state.leaderEpoch, replicas: state.replicas, inSync: state.isr,
                stateVersion: state.stateVersion)
            stopFollowing(partition)
            if led && !hasNewEpoch { step(partition, .termChanged(term)) } else { lead(partition, term) }
        } else {
            resign(partition)
            if hasNewEpoch || led || partition.followedLeader != state.leader {
                startFollowing(partition, leader: state.leader)
            }
        }
        if hasNewEpoch || led != partition.isLeader {
            parkedFetches.note(partition)
            leadershipChanged(partition)
        }
    }

    /// Serves a partition, if there is a log of it: it may have to stay offline, or its directory have failed.
    private mutating func open(_ name: TopicPartition, _ topicID: KafkaUUID) -> Partition? {
        guard let log = logStore.log(of: name) else { return nil }
        let partition = Partition(name: name, topicID: topicID, log: log)
        partitions[name] = partition
        resumeMove(of: partition)
        return partition
    }

    /// Stops serving partitions of a topic and deletes their logs.
    private mutating func dropPartitions(
        of topic: String, _ indices: some Sequence<Int>, where isGone: (Partition) -> Bool
    ) {
        for index in indices {
            let name = TopicPartition(topic: topic, partition: Int32(index))
            guard let partition = partitions[name], isGone(partition) else { continue }
            stopServing(partition)
            deleteLog(of: partition.name)
        }
    }

    /// Answers nobody any more from a partition's log.
    mutating func stopServing(_ partition: Partition) {
        resign(partition)
        stopFollowing(partition)
        parkedFetches.note(partition)
        leadershipChanged(partition)
        moves.end(partition.name)
        partitions[partition.name] = nil
    }

    /// What else of a broker depends on leading a partition.
    private mutating func leadershipChanged(_ partition: Partition) {
        if partition.name.topic == InternalTopics.committedOffsets { groupsLeadershipChanged(partition) }
    }
}

extension TopicImage {
    /// Whether the partition exists and has a replica on `broker`.
    func places(_ partition: Int32, on broker: BrokerID) -> Bool {
        partitions.indices.contains(Int(partition)) && partitions[Int(partition)].replicas.contains(broker)
    }
}

/// Partitions of a topic that are to be looked at.
private struct DuePartitions {
    let name: String
    let topic: TopicImage
    let partitions: [TopicPartition]
    let hasNewConfigs: Bool
}
