import ClusterModel
import Controller
import KafkaProtocol
import NIOCore
import Replication
import Seams
import SegmentedLog

/// What this broker fetches from the leaders of the partitions that it follows.
struct ReplicaFetchers {
    fileprivate var byLeader: [BrokerID: ReplicaFetcher] = [:]

    /// When there is something to ask again; a leader that is not registered is not asked.
    func nextDeadline(in image: ClusterImage) -> Instant {
        var deadline = Instant.never
        for (leader, fetcher) in byLeader where image.brokers[leader] != nil {
            deadline = min(deadline, fetcher.deadline)
        }
        return deadline
    }
}

extension BrokerKernel {
    /// The version of Fetch that Apache Kafka 3.9's replicas use.
    private static let fetchVersion: Int16 = 17

    // MARK: - Whom to follow

    /// Follows a leader's log from now on; nobody's when there is none.
    ///
    /// Where the two logs part is found by the first fetch (KIP-595). A log without epochs, written before there were
    /// any, is cut at what is known to be committed.
    mutating func startFollowing(_ partition: Partition, leader: BrokerID?) {
        if partition.followedLeader != leader { stopFollowing(partition) }
        guard let leader else { return }
        if partition.log.leaderEpochs.latest == nil, partition.log.highWatermark < partition.log.logEndOffset {
            truncate([(partition, partition.log.highWatermark)])
        }
        partition.followedLeader = leader
        var fetcher =
            fetchers.byLeader.removeValue(forKey: leader)
            ?? ReplicaFetcher(leader: leader, backoff: settings.replicaFetchBackoff)
        fetcher.follow(partition.name, topicID: partition.topicID, leaderEpoch: partition.leaderEpoch)
        fetchers.byLeader[leader] = fetcher
    }

    mutating func stopFollowing(_ partition: Partition) {
        guard let leader = partition.followedLeader else { return }
        partition.followedLeader = nil
        fetchers.byLeader[leader]?.leave(partition.name)
    }

    /// Has the leaders hear every position again when this broker has registered anew within its life, for what it said
    /// under its old registration counts no more (KIP-903).
    mutating func repeatPositions(since older: ClusterImage) {
        guard let epoch = image.brokers[settings.brokerID]?.epoch, epoch != older.brokers[settings.brokerID]?.epoch
        else { return }
        for leader in fetchers.byLeader.keys { fetchers.byLeader[leader]?.repeatAll() }
    }

    // MARK: - Asking

    /// Sends what there is to ask of the leaders; to be called at the end of each step.
    mutating func fetchFromLeaders() {
        guard !fetchers.byLeader.isEmpty else { return }
        let now = now
        for leader in fetchers.byLeader.keys.sorted() where image.brokers[leader] != nil {
            guard var order = fetchers.byLeader[leader]?.nextOrder(at: now) else { continue }
            order.told.removeAll { holdBack($0, from: leader) }
            let request = fetchRequest(order)
            ask(leader, request, version: Self.fetchVersion) { kernel, response in
                kernel.receive(response, from: leader)
            }
        }
    }

    /// Leaves a partition out of the next fetch while the throttle asks for that (KIP-73). Returns whether it did.
    private mutating func holdBack(_ name: TopicPartition, from leader: BrokerID) -> Bool {
        guard let partition = partitions[name], partition.throttled.isAtFollower,
            throttles.follower.isExceeded(at: now),
            image.partition(name)?.isr.contains(settings.brokerID) == false
        else { return false }
        let until = throttles.follower.allowed(from: now)
        fetchers.byLeader[leader]?.delay(name, until: until)
        return true
    }

    private func fetchRequest(_ order: FetchOrder) -> FetchRequest {
        var request = FetchRequest()
        request.replicaState.replicaId = settings.brokerID.value
        request.replicaState.replicaEpoch = image.brokers[settings.brokerID]?.epoch ?? -1
        request.maxWaitMs = Int32(clamping: settings.replicaFetchWait.nanoseconds / 1_000_000)
        request.minBytes = settings.replicaFetchMinimumBytes
        request.maxBytes = settings.replicaFetchResponseMaximumBytes
        request.sessionId = order.sessionID
        request.sessionEpoch = order.sessionEpoch
        for name in order.told {
            guard let partition = partitions[name] else { continue }
            var wanted = FetchRequest.FetchPartition()
            wanted.partition = name.partition
            wanted.currentLeaderEpoch = partition.leaderEpoch
            wanted.fetchOffset = partition.log.logEndOffset
            wanted.lastFetchedEpoch = partition.log.leaderEpochs.latest ?? -1
            wanted.logStartOffset = partition.log.logStartOffset
            partition.toldLogStart = wanted.logStartOffset
            wanted.partitionMaxBytes = settings.replicaFetchPartitionMaximumBytes
            if request.topics.last?.topicId != partition.topicID {
                var topic = FetchRequest.FetchTopic()
                topic.topicId = partition.topicID
                request.topics.append(topic)
            }
            request.topics[request.topics.count - 1].partitions.append(wanted)
        }
        for forgotten in order.forgotten {
            if request.forgottenTopicsData.last?.topicId != forgotten.topicID {
                var topic = FetchRequest.ForgottenTopic()
                topic.topicId = forgotten.topicID
                request.forgottenTopicsData.append(topic)
            }
            request.forgottenTopicsData[request.forgottenTopicsData.count - 1].partitions.append(
                forgotten.partition.partition)
        }
        return request
    }

    // MARK: - Taking the answers

    private mutating func receive(_ response: FetchResponse?, from leader: BrokerID) {
        let now = now
        guard let response else {
            fetchers.byLeader[leader]?.failed(at: now)
            return
        }
        switch ErrorCode(rawValue: response.errorCode) {
        case .none: break
        case .fetchSessionIdNotFound, .invalidFetchSessionEpoch, .fetchSessionTopicIdError:
            fetchers.byLeader[leader]?.replied(sessionID: 0)
            return
        default:
            perform(.note("broker \(leader) refused a fetch: \(ErrorCode(rawValue: response.errorCode))"))
            fetchers.byLeader[leader]?.failed(at: now)
            return
        }
        var cuts: [(Partition, Offset)] = []
        var haveStartsRisen = false
        for topic in response.responses {
            guard let name = image.topicName(of: topic.topicId) else { continue }
            for told in topic.partitions {
                let id = TopicPartition(topic: name, partition: told.partitionIndex)
                guard let partition = partitions[id], partition.topicID == topic.topicId,
                    partition.followedLeader == leader
                else { continue }
                switch fetchers.byLeader[leader]?.use(ofAnswerAbout: id) {
                case nil, .stale?: continue
                case .repeated?: takeHighWatermark(told, for: partition)
                case .current?:
                    let (start, first) = (partition.log.logStartOffset, partition.log.firstSegmentOffset)
                    if let cut = take(told, for: partition, from: leader) { cuts.append((partition, cut)) }
                    // A log that begins in the middle of a batch has a segment that begins with the batch.
                    if partition.log.logStartOffset > start || partition.log.firstSegmentOffset < first {
                        haveStartsRisen = true
                    }
                }
            }
        }
        truncate(cuts)
        // The next fetch says what is deleted here, and the leader's answer to who asked for it that it stays so.
        if haveStartsRisen { _ = onLog { [logStore] () throws(LogFailure) in try logStore.writeLogStartOffsets() } }
        fetchers.byLeader[leader]?.replied(sessionID: response.sessionId)
    }

    /// Takes what a leader told of a partition. Returns where the log is to be cut, if the two part.
    private mutating func take(
        _ told: FetchResponse.PartitionData, for partition: Partition, from leader: BrokerID
    ) -> Offset? {
        let log = partition.log
        let now = now
        switch ErrorCode(rawValue: told.errorCode) {
        case .none: fetchers.byLeader[leader]?.accepted(partition.name)
        case .offsetOutOfRange: return placeOutOfRange(told, for: partition, from: leader)
        default:
            // The leader has not read the tree yet, or this broker has not: the next image or the next try tells.
            fetchers.byLeader[leader]?.refused(partition.name, at: now)
            return nil
        }
        if told.divergingEpoch.endOffset >= 0 {
            let end = EpochEnd(epoch: told.divergingEpoch.epoch, endOffset: told.divergingEpoch.endOffset)
            return Divergence.truncationPoint(
                leaderEnd: end, localEnd: log.end(of: end.epoch), logEnd: log.logEndOffset)
        }
        if case .inMemory(let batches)? = told.records, batches.readableBytes > 0 {
            guard append(batches, fetchedFor: partition, from: leader) else { return nil }
        }
        takeHighWatermark(told, for: partition)
        if told.logStartOffset > log.logStartOffset {
            _ = onLog { () throws(LogFailure) in
                try log.raiseLogStart(to: min(told.logStartOffset, log.logEndOffset))
            }
            parkedFetches.note(partition)
            upkeep.note(partition)
        }
        // A leader that deletes records waits to hear that they are gone here too.
        if told.logStartOffset > partition.toldLogStart { fetchers.byLeader[leader]?.moved(partition.name) }
        return nil
    }

    private mutating func takeHighWatermark(_ told: FetchResponse.PartitionData, for partition: Partition) {
        guard told.errorCode == 0, told.divergingEpoch.endOffset < 0 else { return }
        let highWatermark = partition.log.highWatermark
        partition.log.advanceHighWatermark(to: told.highWatermark)
        if partition.log.highWatermark != highWatermark { parkedFetches.note(partition) }
    }

    /// Appends batches as they stand in the leader's log. False when they do not go on where this log ends.
    private mutating func append(
        _ batches: ByteBuffer, fetchedFor partition: Partition, from leader: BrokerID
    ) -> Bool {
        let (now, backoff) = (now, settings.replicaFetchBackoff)
        switch appendKeepingOffsets(batches, newestEpoch: partition.leaderEpoch, to: partition) {
        case nil: return false
        case .appended, .duplicate:
            if partition.throttled.isAtFollower { throttles.follower.count(batches.readableBytes, at: now) }
            fetchers.byLeader[leader]?.moved(partition.name)
            return true
        case .refused(let refusal):
            perform(.report("\(partition.name): what broker \(leader) sent cannot be appended: \(refusal)"))
            fetchers.byLeader[leader]?.delay(partition.name, until: now + backoff)
            return false
        }
    }

    /// Appends batches that have their offsets: to a follower's log, or a mirror topic's. nil when the disk failed.
    /// - Parameters:
    ///   - newestEpoch: that of the leader that sent them.
    ///   - leaderEpoch: when given, written into the batches in the place of theirs.
    mutating func appendKeepingOffsets(
        _ batches: ByteBuffer, newestEpoch: LeaderEpoch = .max, leaderEpoch: LeaderEpoch? = nil, to partition: Partition
    ) -> AppendOutcome? {
        upkeep.note(partition)
        return onLog { [logStore, now] () throws(LogFailure) in
            let end = partition.log.logEndOffset
            let outcome = try partition.log.appendKeepingOffsets(
                batches, newestEpoch: newestEpoch, leaderEpoch: leaderEpoch, at: now)
            if case .appended(let range) = outcome, range.lastOffset - end > Offset(Int32.max) {
                // A recovery takes so large a hole between segments for a loss, but before its recovery point.
                try partition.log.flush(at: now)
                try logStore.writeRecoveryPoints()
            } else if partition.log.isFlushDue(at: now) {
                try partition.log.flush(at: now)
            }
            return outcome
        }
    }

    /// The follower's log ends before the leader's begins, and then begins anew there; or it goes further than the
    /// leader's and knows an epoch that the leader never heard of, which an unclean election brings about: then only
    /// what the leader has committed is sure to be the same.
    private mutating func placeOutOfRange(
        _ told: FetchResponse.PartitionData, for partition: Partition, from leader: BrokerID
    ) -> Offset? {
        let log = partition.log
        let (now, backoff) = (now, settings.replicaFetchBackoff)
        perform(
            .report(
                "\(partition.name): fetching at \(log.logEndOffset) is out of range at its leader, broker \(leader), "
                    + "whose log begins at \(told.logStartOffset) and is committed up to \(told.highWatermark)"))
        guard told.logStartOffset > log.logEndOffset || told.highWatermark < log.logStartOffset else {
            return min(told.highWatermark, log.logEndOffset)
        }
        guard told.logStartOffset >= 0 else {
            fetchers.byLeader[leader]?.delay(partition.name, until: now + backoff)
            return nil
        }
        let start = log.logStartOffset
        _ = onLog { [logStore] () throws(LogFailure) in
            try log.truncateFully(startingAt: told.logStartOffset, at: now)
            guard log.logStartOffset < start else { return }
            try logStore.writeHighWatermarks()
            try logStore.writeRecoveryPoints()
            try logStore.writeLogStartOffsets()
        }
        upkeep.note(partition)
        fetchers.byLeader[leader]?.moved(partition.name)
        return nil
    }

    /// Cuts logs, and sees to it that nothing that was written down of them lies beyond an end: not recovery points, not
    /// starts, and not high watermarks, or what comes there next would count as committed after a restart.
    mutating func truncate(_ cuts: [(Partition, Offset)]) {
        guard !cuts.isEmpty else { return }
        var (arePointsStale, areStartsStale, areWatermarksStale) = (false, false, false)
        for (partition, offset) in cuts {
            let log = partition.log
            let end = log.logEndOffset
            let (start, recoveryPoint, highWatermark) = (log.logStartOffset, log.recoveryPoint, log.highWatermark)
            if offset < highWatermark {
                perform(
                    .report(
                        "\(partition.name): cutting the log from \(end) to \(offset), below what was committed up to "
                            + "\(highWatermark)"))
            } else {
                perform(.note("\(partition.name): cutting the log from \(end) to \(offset)"))
            }
            _ = onLog { [now] () throws(LogFailure) in try log.truncate(to: offset, at: now) }
            upkeep.note(partition)
            arePointsStale = arePointsStale || recoveryPoint > offset
            areWatermarksStale = areWatermarksStale || log.highWatermark < highWatermark
            areStartsStale = areStartsStale || log.logStartOffset < start
            if let leader = partition.followedLeader { fetchers.byLeader[leader]?.cut(partition.name) }
        }
        _ = onLog { [logStore] () throws(LogFailure) in
            if areWatermarksStale { try logStore.writeHighWatermarks() }
            if arePointsStale { try logStore.writeRecoveryPoints() }
            if areStartsStale { try logStore.writeLogStartOffsets() }
        }
    }
}
