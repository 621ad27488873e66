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
    /// Whether partitions without news may be left out of the answer.
    var isIncremental: Bool
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

    var byteCount: Int { slice?.sizeInBytes ?? 0 }
}

extension BrokerKernel {
    mutating func fetch(_ request: Request, _ body: FetchRequest) {
        switch plan(request, body) {
        case .failure(let error):
            var response = FetchResponse()
            response.errorCode = error.rawValue
            reply(to: request) { response.write(to: &$0, version: request.version) }
        case .success(let plan):
            note(body, of: plan)
            let wait = Duration.milliseconds(Int64(max(0, body.maxWaitMs)))
            let fetch = ParkedFetch(request: request, plan: plan, deadline: now + wait)
            if !answer(fetch) { parkedFetches.park(fetch) }
        }
    }

    /// Looks again at the fetches whose partitions have grown or whose time is up.
    mutating func answerParkedFetches() {
        for fetch in parkedFetches.takeConcerned(at: now) where !answer(fetch) { parkedFetches.park(fetch) }
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
            if body.sessionId != 0 { fetchSessions.close(body.sessionId) }
            plan.interests = interests
            if body.sessionEpoch == 0, request.version >= 7, !interests.isEmpty {
                plan.sessionID = fetchSessions.open(usesTopicIDs: usesTopicIDs, interests: interests, now: now) ?? 0
            }
        default:
            guard let session = fetchSessions[body.sessionId] else { return .failure(.fetchSessionIdNotFound) }
            guard session.nextEpoch == body.sessionEpoch else { return .failure(.invalidFetchSessionEpoch) }
            guard session.usesTopicIDs == usesTopicIDs else { return .failure(.fetchSessionTopicIdError) }
            let forgotten = Set(
                body.forgottenTopicsData.flatMap { topic in
                    let name = usesTopicIDs ? image.topicName(of: topic.topicId) ?? "" : topic.topic
                    return topic.partitions.map { TopicPartition(topic: name, partition: $0) }
                })
            fetchSessions[body.sessionId]?.forget(forgotten)
            for interest in interests { fetchSessions[body.sessionId]?.update(interest) }
            let now = now
            fetchSessions[body.sessionId]?.advanceEpoch(at: now)
            plan.sessionID = body.sessionId
            plan.isIncremental = true
            plan.interests = fetchSessions[body.sessionId]?.interests ?? []
        }
        return .success(plan)
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

    /// Reads, and answers if there is enough, something is wrong, or the time is up. Returns whether it answered.
    private mutating func answer(_ fetch: ParkedFetch) -> Bool {
        let plan = fetch.plan
        var findings: [FetchFinding] = []
        findings.reserveCapacity(plan.interests.count)
        var byteCount = 0
        var mustAnswer = fetch.deadline <= now || plan.interests.isEmpty
        var lastWithBytes: Int?
        for (place, interest) in plan.interests.enumerated() {
            let finding = find(
                interest, plan, atMost: min(interest.maximumBytes, plan.maximumBytes - byteCount),
                atLeastOneBatch: byteCount == 0 && fetch.request.version >= 3)
            byteCount += finding.byteCount
            if finding.byteCount > 0 { lastWithBytes = place }
            if finding.error != .none || finding.divergence != nil { mustAnswer = true }
            findings.append(finding)
        }
        guard mustAnswer || byteCount >= plan.minimumBytes else { return false }
        let response = response(to: plan, findings)
        if plan.sessionID != 0 {
            remember(plan, findings)
            if let lastWithBytes { fetchSessions[plan.sessionID]?.rotate(behind: lastWithBytes) }
        }
        reply(to: fetch.request) { response.write(to: &$0, version: fetch.request.version) }
        return true
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
            let outcome = onLog { () throws(LogFailure) in
                try partition.log.read(
                    from: interest.fetchOffset, maxBytes: max(0, maximumBytes), minOneBatch: atLeastOneBatch,
                    upTo: plan.replica == nil
                        ? partition.readableEnd(committedOnly: plan.readsCommittedOnly) : partition.log.logEndOffset,
                    abortedIncluded: plan.readsCommittedOnly)
            }
            switch outcome {
            case .slice(let slice):
                finding.slice = slice
                if plan.newestMagic < 2 { convert(&finding, of: partition, to: plan.newestMagic) }
            case .outOfRange: finding.error = .offsetOutOfRange
            case nil: finding.error = .kafkaStorageError
            }
        }
        return finding
    }

    // MARK: - Answering

    private func response(to plan: FetchPlan, _ findings: [FetchFinding]) -> FetchResponse {
        var response = FetchResponse()
        response.sessionId = plan.sessionID
        for (interest, finding) in zip(plan.interests, findings) {
            if plan.isIncremental && !isNews(finding, for: interest) { continue }
            if response.responses.last?.topic != interest.topic
                || response.responses.last?.topicId != interest.topicID
            {
                var topic = FetchResponse.FetchableTopicResponse()
                topic.topic = interest.topic
                topic.topicId = interest.topicID
                response.responses.append(topic)
            }
            response.responses[response.responses.count - 1].partitions.append(told(finding, for: interest, plan))
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

    /// Notes in the session what was told. An error is told again until it ends.
    private mutating func remember(_ plan: FetchPlan, _ findings: [FetchFinding]) {
        for (interest, finding) in zip(plan.interests, findings) {
            fetchSessions[plan.sessionID]?.noteTold(
                interest.topicPartition, highWatermark: finding.error == .none ? finding.highWatermark : -1,
                logStartOffset: finding.logStartOffset)
        }
    }
}
