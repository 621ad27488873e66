import ClusterModel
import KafkaProtocol
import NIOCore
import Replication
import Seams
import SegmentedLog
import WireCoding

/// What one fetch has to do, worked out from the request and its session; the same however often it is tried.
struct FetchPlan {
    /// The broker that fetches for its replicas; nil for a consumer.
    var replica: BrokerID?
    /// The session to answer in; 0 is none.
    var sessionID: Int32
    /// Whether partitions without news are left out of the answer: then the session has the interests.
    var isIncremental: Bool
    /// Of a fetch that is not incremental.
    var interests: [FetchInterest]
    var minimumBytes: Int
    var maximumBytes: Int
    var readsCommittedOnly: Bool
    var usesTopicIDs: Bool
    /// The newest format that the reader understands.
    var newestMagic: Int8
    /// Whether the reader knows zstd (KIP-110, version 10 and up).
    var knowsZstd: Bool
    /// Given for a consumer that may read from any replica (KIP-392, version 11 and up).
    var nearness: ConsumerNearness?
}

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
        // A follower that has more to ask does not wait until the leader has news.
        if var waiting = parkedFetches.take(session: body.sessionId, of: request.ticket.connection) {
            waiting.deadline = now
            answerOrPark(waiting)
        }
        switch plan(request, body) {
        case .failure(let error): refuse(request, error)
        case .success(let plan):
            note(body, of: plan)
            let wait = Duration.milliseconds(Int64(max(0, body.maxWaitMs)))
            answerOrPark(ParkedFetch(request: request, plan: plan, deadline: now + wait))
        }
    }

    /// Looks again at the fetches whose partitions have grown or whose time is up.
    mutating func answerParkedFetches() {
        for fetch in parkedFetches.takeConcerned(at: now, stirring: &fetchSessions) { answerOrPark(fetch) }
        parkedFetches.dropDeadlinesOfAnswered()
    }

    private mutating func refuse(_ request: Request, _ error: ErrorCode) {
        var response = FetchResponse()
        response.errorCode = error.rawValue
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    // MARK: - Sessions (KIP-227)

    private mutating func plan(_ request: Request, _ body: FetchRequest) -> Result<FetchPlan, ErrorCode> {
        let usesTopicIDs = request.version >= 13
        let replica = request.version >= 15 ? body.replicaState.replicaId : body.replicaId
        var plan = FetchPlan(
            replica: replica >= 0 ? BrokerID(replica) : nil, sessionID: 0, isIncremental: false, interests: [],
            minimumBytes: Int(body.minBytes),
            maximumBytes: replica >= 0
                ? Int(body.maxBytes) : min(Int(body.maxBytes), settings.maximumFetchSizeInBytes),
            readsCommittedOnly: replica < 0 && body.isolationLevel == 1, usesTopicIDs: usesTopicIDs,
            newestMagic: request.version < 2 ? 0 : request.version < 4 ? 1 : 2, knowsZstd: request.version >= 10,
            nearness: replica < 0 && request.version >= 11
                ? ConsumerNearness(listener: request.origin.listener, rack: body.rackId) : nil)
        let interests = interests(of: body, usesTopicIDs: usesTopicIDs)
        switch body.sessionEpoch {
        case -1, 0:
            if body.sessionId != 0 { leaveInPeace(fetchSessions.close(body.sessionId)) }
            plan.interests = interests
            if body.sessionEpoch == 0, request.version >= 7, !interests.isEmpty,
                let (id, evicted) = fetchSessions.open(usesTopicIDs: usesTopicIDs, interests: interests, now: now)
            {
                plan.sessionID = id
                leaveInPeace(evicted)
            }
        default:
            guard let session = fetchSessions[body.sessionId] else { return .failure(.fetchSessionIdNotFound) }
            guard session.nextEpoch == body.sessionEpoch else { return .failure(.invalidFetchSessionEpoch) }
            guard session.usesTopicIDs == usesTopicIDs else { return .failure(.fetchSessionTopicIdError) }
            let forgotten = Set(
                body.forgottenTopicsData.flatMap { topic in
                    topic.partitions.map {
                        FetchInterest.Key(topic: topic.topic, topicID: topic.topicId, partition: $0)
                    }
                })
            leaveInPeace(session.id, fetchSessions[body.sessionId]?.forget(forgotten) ?? [])
            let image = image
            fetchSessions[body.sessionId]?.nameTopics { image.topicName(of: $0) }
            for interest in interests { fetchSessions[body.sessionId]?.update(interest) }
            let now = now
            fetchSessions[body.sessionId]?.advanceEpoch(at: now)
            plan.sessionID = body.sessionId
            plan.isIncremental = true
        }
        return .success(plan)
    }

    private func leaveInPeace(_ ended: FetchSession?) {
        if let ended { leaveInPeace(ended.id, ended.interests) }
    }

    /// Has partitions stir a session no more.
    private func leaveInPeace(_ session: Int32, _ interests: some Sequence<FetchInterest>) {
        for interest in interests {
            // Another topic may have the name by now.
            guard let partition = partitions[interest.topicPartition],
                interest.topicID == .zero || interest.topicID == partition.topicID
            else { continue }
            partition.quietSessions.remove(session)
        }
    }

    private func interests(of body: FetchRequest, usesTopicIDs: Bool) -> [FetchInterest] {
        var interests: [FetchInterest] = []
        for topic in body.topics {
            let name = usesTopicIDs ? image.topicName(of: topic.topicId) ?? "" : topic.topic
            for partition in topic.partitions {
                interests.append(
                    FetchInterest(
                        topic: name, topicID: topic.topicId, partition: partition.partition,
                        currentLeaderEpoch: partition.currentLeaderEpoch, fetchOffset: partition.fetchOffset,
                        lastFetchedEpoch: partition.lastFetchedEpoch, maximumBytes: Int(partition.partitionMaxBytes)))
            }
        }
        return interests
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
        var findings: [FetchFinding] = []
        findings.reserveCapacity(interests.count)
        var byteCount = 0
        for interest in interests {
            let finding = find(
                interest, plan, atMost: min(interest.maximumBytes, plan.maximumBytes - byteCount),
                atLeastOneBatch: byteCount == 0 && fetch.request.version >= 3)
            byteCount += finding.byteCount
            if mustTellAtOnce(finding, for: interest, plan) { mustAnswer = true }
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
        if plan.isIncremental { interests = fetchSessions[plan.sessionID]?.unsettled ?? [] }
        parkedFetches.park(fetch, watching: interests.map(\.topicPartition))
    }

    private mutating func find(
        _ interest: FetchInterest, _ plan: FetchPlan, atMost maximumBytes: Int, atLeastOneBatch: Bool
    ) -> FetchFinding {
        var finding = FetchFinding()
        if plan.usesTopicIDs && interest.topic.isEmpty {
            finding.error = .unknownTopicId
            return finding
        }
        let replica =
            plan.nearness == nil
            ? led(interest.topicPartition, leaderEpoch: interest.currentLeaderEpoch)
            : replica(of: interest.topicPartition, leaderEpoch: interest.currentLeaderEpoch)
        switch replica {
        case .failure(let error):
            finding.error = error
        case .success(let partition):
            if plan.usesTopicIDs && partition.topicID != interest.topicID {
                finding.error = .inconsistentTopicId
                return finding
            }
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
                    finding.error = errorOutOfRange(of: partition)
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
            case .outOfRange: finding.error = errorOutOfRange(of: partition)
            case nil: finding.error = .kafkaStorageError
            }
        }
        return finding
    }

    /// Only a leader knows what is out of range. A follower's log may lack what its reader has had from others, who
    /// would begin elsewhere if it were told so: it is to ask again, or the leader (KIP-392).
    private func errorOutOfRange(of partition: Partition) -> ErrorCode {
        partition.isLeader ? .offsetOutOfRange : .offsetNotAvailable
    }
}
