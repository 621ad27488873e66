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
    /// Whether the reader has all there is for it now.
    var isExhausted = false

    var byteCount: Int { slice?.sizeInBytes ?? 0 }
}

extension BrokerKernel {
    mutating func fetch(_ request: Request, _ body: FetchRequest) {
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
            newestMagic: request.version < 2 ? 0 : request.version < 4 ? 1 : 2)
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
            if plan.replica != nil, let due = session.answered.map({ $0 + settings.followersPause }), due > now {
                return parkedFetches.hold(fetch, until: due)
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
            if finding.error != .none || finding.divergence != nil { mustAnswer = true }
            findings.append(finding)
        }
        mustAnswer = mustAnswer || byteCount >= plan.minimumBytes
        if mustAnswer {
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
        switch led(interest.topicPartition, leaderEpoch: interest.currentLeaderEpoch) {
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
            finding.divergence = Divergence.end(
                in: partition.log, ofFollowerAt: interest.fetchOffset, lastEpoch: interest.lastFetchedEpoch)
            if let end = finding.divergence {
                // An epoch that this log never heard of (KIP-595): there is no place to go back to.
                if end.endOffset < 0 { finding.error = .offsetOutOfRange }
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
                finding.slice = slice
                finding.isExhausted = interest.fetchOffset >= end
                if plan.newestMagic < 2 { convert(&finding, of: partition, to: plan.newestMagic) }
            case .outOfRange: finding.error = .offsetOutOfRange
            case nil: finding.error = .kafkaStorageError
            }
        }
        return finding
    }

    // MARK: - Answering

    private func response(
        to plan: FetchPlan, _ interests: [FetchInterest], _ findings: [FetchFinding]
    ) -> FetchResponse {
        var response = FetchResponse()
        response.sessionId = plan.sessionID
        // Some clients keep only the last of several entries of a topic.
        var places: [TopicOfFetch: Int] = [:]
        for (interest, finding) in zip(interests, findings) {
            if plan.isIncremental && !isNews(finding, for: interest) { continue }
            let place = places[TopicOfFetch(interest), default: response.responses.count]
            if place == response.responses.count {
                var topic = FetchResponse.FetchableTopicResponse()
                topic.topic = interest.topic
                topic.topicId = interest.topicID
                response.responses.append(topic)
                places[TopicOfFetch(interest)] = place
            }
            response.responses[place].partitions.append(told(finding, for: interest, plan))
        }
        return response
    }

    private func isNews(_ finding: FetchFinding, for interest: FetchInterest) -> Bool {
        finding.byteCount > 0 || finding.error != .none || finding.divergence != nil
            || finding.highWatermark != interest.toldHighWatermark
            || finding.logStartOffset != interest.toldLogStartOffset
    }

    private func told(
        _ finding: FetchFinding, for interest: FetchInterest, _ plan: FetchPlan
    ) -> FetchResponse.PartitionData {
        var told = FetchResponse.PartitionData()
        told.partitionIndex = interest.partition
        told.errorCode = finding.error.rawValue
        told.highWatermark = finding.highWatermark
        told.lastStableOffset = finding.lastStableOffset
        told.logStartOffset = finding.logStartOffset
        if let divergence = finding.divergence {
            told.divergingEpoch.epoch = divergence.epoch
            told.divergingEpoch.endOffset = divergence.endOffset
        }
        if let converted = finding.converted {
            told.records = .inMemory(converted)
        } else {
            told.records = finding.slice?.range.map { .inFile($0) } ?? .inMemory(ByteBuffer())
        }
        if plan.readsCommittedOnly {
            told.abortedTransactions = (finding.slice?.abortedTransactions ?? []).map { aborted in
                var one = FetchResponse.AbortedTransaction()
                one.producerId = aborted.producerID
                one.firstOffset = aborted.firstOffset
                return one
            }
        }
        return told
    }

    /// Notes in the session what was found, and told. An error is told again until it ends, and so are records until
    /// the client asks for those behind them.
    private mutating func settle(
        _ session: Int32, _ interests: [FetchInterest], _ findings: [FetchFinding], areTold: Bool
    ) {
        var quiet: [FetchInterest.Key] = []
        var served: Set<FetchInterest.Key> = []
        for (var interest, finding) in zip(interests, findings) {
            let key = interest.key
            if areTold {
                interest.toldHighWatermark = finding.error == .none ? finding.highWatermark : -1
                interest.toldLogStartOffset = finding.logStartOffset
                fetchSessions[session]?.noteTold(
                    key, highWatermark: interest.toldHighWatermark, logStartOffset: interest.toldLogStartOffset)
                if finding.byteCount > 0 { served.insert(key) }
            }
            if finding.isExhausted && !isNews(finding, for: interest),
                let partition = partitions[interest.topicPartition]
            {
                partition.quietSessions.insert(session)
                quiet.append(key)
            }
        }
        fetchSessions[session]?.settle(quiet: quiet, behind: served)
    }
}

/// By what the entries of a fetch's response differ: by name, or by id where there are no names.
private struct TopicOfFetch: Hashable {
    var name: String
    var id: KafkaUUID

    init(_ interest: FetchInterest) {
        name = interest.topic
        id = interest.topicID
    }
}
