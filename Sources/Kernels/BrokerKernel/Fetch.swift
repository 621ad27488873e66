import ClusterModel
import KafkaProtocol
import NIOCore
import Replication
import Seams
import SegmentedLog
import WireCoding

/// What was found for one partition.
struct FetchFinding {
    var error = ErrorCode.none
    var highWatermark: Offset = -1
    var lastStableOffset: Offset = -1
    var logStartOffset: Offset = -1
    var slice: LogSlice?
    /// The slice's records in an older format.
    var converted: ByteBuffer?
    var divergence: EpochEnd?
    /// Set when this broker serves it.
    var partition: Partition?
    /// Whether the replica that asks knows a newer image of the cluster than this broker: the error is about to end.
    var awaitsImage = false
    /// Where the consumer should rather read; then there is nothing else for it here.
    var preferredReplica: BrokerID?
    /// Whether what a follower gets counts against the leader's throttle (KIP-73).
    var isThrottled = false
    /// Whether the reader has all there is for it now.
    var isExhausted = false

    var byteCount: Int { slice?.sizeInBytes ?? 0 }
}

extension BrokerKernel {
    mutating func fetch(_ request: Request, _ body: FetchRequest) {
        let replica = request.version >= 15 ? body.replicaState.replicaId : body.replicaId
        // Before anything of it counts: a follower's position acknowledges records.
        if replica >= 0, !permitsOnCluster(request, .clusterAction) { return refuseFollower(request, body) }
        // A follower that has more to ask does not wait until the leader has news.
        if var waiting = parkedFetches.take(session: body.sessionId, of: request.ticket.connection) {
            waiting.deadline = now
            answerOrPark(waiting)
        }
        switch plan(request, body) {
        case .failure(let error): refuse(request, error)
        case .success(let plan):
            let wait = Duration.milliseconds(Int64(max(0, body.maxWaitMs)))
            answerOrPark(ParkedFetch(request: request, plan: plan, deadline: now + wait))
        }
    }

    /// Looks again at the fetches whose partitions have grown or whose time is up.
    mutating func answerParkedFetches() {
        // The position of a follower that waited for this broker may be what others wait for.
        repeat {
            for fetch in parkedFetches.takeConcerned(at: now, stirring: &fetchSessions) { answerOrPark(fetch) }
        } while parkedFetches.hasNews
        parkedFetches.dropDeadlinesOfAnswered()
    }

    private mutating func refuse(_ request: Request, _ error: ErrorCode) {
        var response = FetchResponse()
        response.errorCode = error.rawValue
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// Tells somebody who may not replicate so, for each partition; it gets no session.
    private mutating func refuseFollower(_ request: Request, _ body: FetchRequest) {
        guard body.sessionEpoch <= 0 else { return refuse(request, .fetchSessionIdNotFound) }
        var response = FetchResponse()
        response.responses = body.topics.map { topic in
            var told = FetchResponse.FetchableTopicResponse()
            told.topic = topic.topic
            told.topicId = topic.topicId
            told.partitions = topic.partitions.map { partition in
                var one = FetchResponse.PartitionData()
                one.partitionIndex = partition.partition
                one.errorCode = ErrorCode.topicAuthorizationFailed.rawValue
                one.highWatermark = -1
                one.records = .inMemory(ByteBuffer())
                return one
            }
            return told
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// The topics of a consumer's fetch that it may not read.
    private mutating func unreadable(_ interests: [FetchInterest], _ fetch: ParkedFetch) -> Set<String> {
        guard settings.access != nil, fetch.plan.replica == nil else { return [] }
        return forbidden(fetch.request, .read, interests.compactMap { name(of: $0.key)?.topic })
    }

    // MARK: - Reading

    /// Reads, and answers if there is enough, something is wrong, or the time is up; else has the fetch wait.
    private mutating func answerOrPark(_ fetch: ParkedFetch) {
        let plan = fetch.plan
        let now = now
        var interests = plan.interests
        var mustAnswer = fetch.deadline <= now
        if plan.isIncremental {
            // Another session may have taken its slot while the fetch waited.
            guard let session = fetchSessions[plan.sessionID] else {
                return refuse(fetch.request, .fetchSessionIdNotFound)
            }
            if plan.replica != nil, !mustAnswer, let answered = session.answered,
                answered + settings.followersPause > now
            {
                return parkedFetches.hold(fetch, until: answered + settings.followersPause)
            }
            interests = session.unsettled
            mustAnswer = mustAnswer || session.count == 0
        } else {
            mustAnswer = mustAnswer || interests.isEmpty
        }
        let unreadable = unreadable(interests, fetch)
        var findings: [FetchFinding] = []
        findings.reserveCapacity(interests.count)
        var byteCount = 0
        for place in interests.indices {
            if let replica = plan.replica, !interests[place].isNoted {
                interests[place].isNoted = note(interests[place], of: replica, plan)
            }
            let finding = find(
                interests[place], plan, except: unreadable,
                atMost: min(interests[place].maximumBytes, plan.maximumBytes - byteCount),
                atLeastOneBatch: byteCount == 0 && fetch.request.version >= 3)
            byteCount += finding.byteCount
            if mustTellAtOnce(finding, for: interests[place], plan) { mustAnswer = true }
            findings.append(finding)
        }
        mustAnswer = mustAnswer || byteCount >= plan.minimumBytes
        if mustAnswer {
            let throttledCount = findings.reduce(0) { $1.isThrottled ? $0 + $1.byteCount : $0 }
            if throttledCount > 0 { throttles.leader.count(throttledCount, at: now) }
            let response = response(to: plan, interests, findings)
            reply(to: fetch.request) { response.write(to: &$0, version: fetch.request.version) }
            fetchSessions[plan.sessionID]?.answered = now
        }
        if plan.sessionID != 0 { settle(plan.sessionID, interests, findings, areTold: mustAnswer) }
        if mustAnswer { return }
        var fetch = fetch
        if plan.isIncremental {
            interests = fetchSessions[plan.sessionID]?.unsettled ?? []
        } else {
            fetch.plan.interests = interests
        }
        parkedFetches.park(
            fetch, watching: interests.compactMap { name(of: $0.key) },
            awaitsImage: findings.contains { $0.awaitsImage })
    }

    private mutating func find(
        _ interest: FetchInterest, _ plan: FetchPlan, except unreadable: Set<String>, atMost maximumBytes: Int,
        atLeastOneBatch: Bool
    ) -> FetchFinding {
        var finding = FetchFinding()
        if !unreadable.isEmpty, let topic = name(of: interest.key)?.topic, unreadable.contains(topic) {
            finding.error = .topicAuthorizationFailed
            return finding
        }
        switch replica(for: interest, plan) {
        case .failure(let error):
            finding.error = error
            finding.awaitsImage = awaitsImage(interest, plan)
        case .success(let partition):
            finding.partition = partition
            finding.highWatermark = partition.log.highWatermark
            finding.lastStableOffset = partition.log.lastStableOffset
            finding.logStartOffset = partition.log.logStartOffset
            finding.preferredReplica = plan.nearness.flatMap {
                preferredReplica(of: partition, for: $0, at: interest.fetchOffset)
            }
            guard finding.preferredReplica == nil else { return finding }
            // As Apache's brokers tell it: by the topic's setting, and not by what producers have chosen.
            if !plan.knowsZstd, partition.log.settings.compression?.codec == .zstd {
                finding.error = .unsupportedCompressionType
                return finding
            }
            if let end = Divergence.end(
                in: partition.log, ofFollowerAt: interest.fetchOffset, lastEpoch: interest.lastFetchedEpoch)
            {
                // An epoch that this log never heard of (KIP-595): there is no place to go back to.
                if partition.isLeader, end.endOffset >= 0 {
                    finding.divergence = end
                } else {
                    finding.error = errorOutOfRange(of: partition, for: interest)
                }
                return finding
            }
            let end =
                plan.replica == nil
                ? partition.readableEnd(committedOnly: plan.readsCommittedOnly) : partition.log.logEndOffset
            let outcome = onLog { () throws(LogFailure) in
                try partition.log.read(
                    from: interest.fetchOffset, maxBytes: max(0, maximumBytes), minOneBatch: atLeastOneBatch,
                    upTo: end, abortedIncluded: plan.readsCommittedOnly)
            }
            switch outcome {
            case .slice(let slice):
                if let follower = plan.replica {
                    guard !holdsBack(partition, from: follower) else { return finding }
                    finding.isThrottled = partition.throttled.isAtLeader
                }
                finding.slice = slice
                finding.isExhausted = interest.fetchOffset >= end
                if plan.newestMagic < 2 { convert(&finding, of: partition, to: plan.newestMagic) }
            case .outOfRange: finding.error = errorOutOfRange(of: partition, for: interest)
            case nil: finding.error = .kafkaStorageError
            }
        }
        return finding
    }

    /// The replica that serves what a fetch asks for, and if this broker has none, why not.
    func replica(for interest: FetchInterest, _ plan: FetchPlan) -> Result<Partition, ErrorCode> {
        guard let name = name(of: interest.key) else {
            return .failure(plan.usesTopicIDs ? .unknownTopicId : .unknownTopicOrPartition)
        }
        return plan.nearness == nil
            ? led(name, leaderEpoch: interest.currentLeaderEpoch)
            : replica(of: name, leaderEpoch: interest.currentLeaderEpoch)
    }

    /// Only a leader knows what is out of range: a follower's log may lack what its reader has had from others. Who names
    /// the epoch knows that this is no leader, and asks that one (KIP-392). Who does not may take this broker for the leader
    /// and would begin elsewhere: it has to look again who leads.
    private func errorOutOfRange(of partition: Partition, for interest: FetchInterest) -> ErrorCode {
        partition.isLeader || interest.currentLeaderEpoch >= 0 ? .offsetOutOfRange : .notLeaderOrFollower
    }
}
