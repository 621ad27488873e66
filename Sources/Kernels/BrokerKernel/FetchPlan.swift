import ClusterModel
import KafkaProtocol
import Seams

/// What one fetch has to do, worked out from the request and its session; the same however often it is tried.
struct FetchPlan {
    /// The broker that fetches for its replicas; nil for a consumer.
    var replica: BrokerID?
    /// Of the replica's broker, as it knows it; -1 when it does not tell.
    var replicaEpoch: Int64
    var connection: ConnectionID
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

extension BrokerKernel {
    /// What is to be done for a request, in its session (KIP-227).
    mutating func plan(_ request: Request, _ body: FetchRequest) -> Result<FetchPlan, ErrorCode> {
        let usesTopicIDs = request.version >= 13
        let replica = request.version >= 15 ? body.replicaState.replicaId : body.replicaId
        var plan = FetchPlan(
            replica: replica >= 0 ? BrokerID(replica) : nil, replicaEpoch: body.replicaState.replicaEpoch,
            connection: request.ticket.connection, sessionID: 0, isIncremental: false, interests: [],
            minimumBytes: Int(body.minBytes),
            maximumBytes: replica >= 0
                ? Int(body.maxBytes) : min(Int(body.maxBytes), settings.maximumFetchSizeInBytes),
            readsCommittedOnly: replica < 0 && body.isolationLevel == 1, usesTopicIDs: usesTopicIDs,
            newestMagic: request.version < 2 ? 0 : request.version < 4 ? 1 : 2, knowsZstd: request.version >= 10,
            nearness: replica < 0 && request.version >= 11
                ? ConsumerNearness(listener: request.origin.listener, rack: body.rackId) : nil)
        if let follower = plan.replica {
            followersConnections[follower] = max(followersConnections[follower] ?? plan.connection, plan.connection)
        }
        switch body.sessionEpoch {
        case -1, 0:
            if body.sessionId != 0 { leaveInPeace(fetchSessions.close(body.sessionId)) }
            let interests = interests(of: body, plan)
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
                    topic.partitions.map { FetchKey(topic: topic.topic, topicID: topic.topicId, partition: $0) }
                })
            fetchSessions[body.sessionId]?.forget(forgotten)
            for key in forgotten { partition(key)?.quietSessions.remove(body.sessionId) }
            for interest in interests(of: body, plan) { fetchSessions[body.sessionId]?.update(interest) }
            let now = now
            fetchSessions[body.sessionId]?.advanceEpoch(at: now)
            plan.sessionID = body.sessionId
            plan.isIncremental = true
        }
        return .success(plan)
    }

    /// Has partitions stir a session no more.
    private func leaveInPeace(_ ended: FetchSession?) {
        guard let ended else { return }
        for key in ended.partitions { partition(key)?.quietSessions.remove(ended.id) }
    }

    private func partition(_ key: FetchKey) -> Partition? { name(of: key).flatMap { partitions[$0] } }

    /// The partition that a fetch names; nil when this broker knows no topic of the id.
    func name(of key: FetchKey) -> TopicPartition? {
        if !key.topic.isEmpty { return TopicPartition(topic: key.topic, partition: key.partition) }
        return image.topicName(of: key.topicID).map { TopicPartition(topic: $0, partition: key.partition) }
    }

    /// What a request asks for. A follower's positions are taken up at once, however long its fetch waits.
    private mutating func interests(of body: FetchRequest, _ plan: FetchPlan) -> [FetchInterest] {
        var interests: [FetchInterest] = []
        for topic in body.topics {
            for partition in topic.partitions {
                var interest = FetchInterest(
                    key: FetchKey(topic: topic.topic, topicID: topic.topicId, partition: partition.partition),
                    currentLeaderEpoch: partition.currentLeaderEpoch, fetchOffset: partition.fetchOffset,
                    lastFetchedEpoch: partition.lastFetchedEpoch, logStartOffset: partition.logStartOffset,
                    maximumBytes: Int(partition.partitionMaxBytes))
                if let follower = plan.replica { interest.isNoted = note(interest, of: follower, plan) }
                interests.append(interest)
            }
        }
        return interests
    }
}
