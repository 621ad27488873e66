import ClusterModel
import Seams

/// What a broker's next fetch from a leader asks.
package struct FetchOrder: Sendable, Equatable {
    /// 0 opens a session.
    package var sessionID: Int32
    package var sessionEpoch: Int32
    /// Those whose position the leader does not know yet.
    package var told: [TopicPartition]
    package var forgotten: [ForgottenPartition]
}

/// A partition that a fetch session is to forget.
package struct ForgottenPartition: Sendable, Equatable {
    package var partition: TopicPartition
    /// The topic's id when it was fetched: the name may have gone to another topic.
    package var topicID: KafkaUUID
}

/// All that a broker fetches from one other broker, in one session (KIP-227) with one request at a time.
///
/// A request names only what has news for the leader: partitions that are new or whose log has grown, which is how
/// their records are acknowledged. So an idle partition costs nothing, however many there are.
///
///     idle --nextOrder--> asked --replied--> idle
///                         asked --failed---> backing off --time--> idle (with a new session)
package struct ReplicaFetcher: Sendable {
    private struct Followed {
        var topicID: KafkaUUID
        var leaderEpoch: LeaderEpoch
        /// The epoch under which the session has it; nil when the session does not have it.
        var toldEpoch: LeaderEpoch?
        var isQueued = false
        /// Given while it is left out.
        var delayedUntil: Instant?
    }

    package let leader: BrokerID
    private var followed: [TopicPartition: Followed] = [:]
    /// Partitions to be told, in the order in which they came; among them some that have left since.
    private var queue: [TopicPartition] = []
    private var forgotten: [ForgottenPartition] = []
    private var delayed: [(until: Instant, partition: TopicPartition)] = []
    private var sessionID: Int32 = 0
    private var sessionEpoch: Int32 = 0
    private var isAsking = false
    private var backoffUntil: Instant?
    private let backoff: Duration

    /// - Parameter backoff: `replica.fetch.backoff.ms`
    package init(leader: BrokerID, backoff: Duration) {
        self.leader = leader
        self.backoff = backoff
    }

    package var isEmpty: Bool { followed.isEmpty }

    /// Partitions that are followed, sorted.
    package var partitions: [TopicPartition] { followed.keys.sorted() }

    /// When ``nextOrder(at:)`` is to be asked again though nothing has happened; `never` when that helps nothing.
    package var deadline: Instant {
        guard !isAsking, !followed.isEmpty || !forgotten.isEmpty else { return .never }
        return backoffUntil ?? delayed.first?.until ?? .never
    }

    // MARK: - What is fetched

    /// Begins to fetch a partition, or goes on in another leader epoch.
    package mutating func follow(_ partition: TopicPartition, topicID: KafkaUUID, leaderEpoch: LeaderEpoch) {
        if let known = followed[partition], known.topicID != topicID { leave(partition) }
        if followed[partition] == nil {
            followed[partition] = Followed(topicID: topicID, leaderEpoch: leaderEpoch)
        } else {
            followed[partition]?.leaderEpoch = leaderEpoch
        }
        enqueue(partition)
    }

    package mutating func leave(_ partition: TopicPartition) {
        guard let known = followed.removeValue(forKey: partition) else { return }
        if known.toldEpoch != nil { forgotten.append(ForgottenPartition(partition: partition, topicID: known.topicID)) }
    }

    /// The partition's log has another end than the leader was told.
    package mutating func moved(_ partition: TopicPartition) { enqueue(partition) }

    /// The leader refused the partition: it is left out for a while.
    package mutating func delay(_ partition: TopicPartition, at now: Instant) {
        guard let known = followed[partition], known.delayedUntil == nil else { return }
        if known.toldEpoch != nil { forgotten.append(ForgottenPartition(partition: partition, topicID: known.topicID)) }
        followed[partition]?.isQueued = false
        followed[partition]?.toldEpoch = nil
        followed[partition]?.delayedUntil = now + backoff
        delayed.append((now + backoff, partition))
    }

    /// The leader epoch in which the answers of the request under way, or of the last one, are about the partition;
    /// nil when they are not, or are of an epoch that is over.
    package func answeredEpoch(of partition: TopicPartition) -> LeaderEpoch? {
        guard let known = followed[partition], known.toldEpoch == known.leaderEpoch else { return nil }
        return known.toldEpoch
    }

    private mutating func enqueue(_ partition: TopicPartition) {
        guard let known = followed[partition], !known.isQueued else { return }
        followed[partition]?.delayedUntil = nil
        followed[partition]?.isQueued = true
        queue.append(partition)
    }

    // MARK: - Asking

    /// What to ask now; nil while an answer is awaited, while backing off, and when nothing is followed.
    package mutating func nextOrder(at now: Instant) -> FetchOrder? {
        guard !isAsking else { return nil }
        if let until = backoffUntil {
            guard until <= now else { return nil }
            backoffUntil = nil
        }
        let due = delayed.prefix { $0.until <= now }
        for (until, partition) in due where followed[partition]?.delayedUntil == until { enqueue(partition) }
        delayed.removeFirst(due.count)
        guard followed.contains(where: { $0.value.delayedUntil == nil }) || !forgotten.isEmpty else { return nil }
        var order = FetchOrder(
            sessionID: sessionID, sessionEpoch: sessionEpoch, told: [], forgotten: sessionID == 0 ? [] : forgotten)
        for partition in queue {
            guard let known = followed[partition], known.isQueued else { continue }
            followed[partition]?.isQueued = false
            followed[partition]?.toldEpoch = known.leaderEpoch
            order.told.append(partition)
        }
        queue.removeAll(keepingCapacity: true)
        forgotten = []
        isAsking = true
        return order
    }

    /// The leader answered. `sessionID` is the one it gave, 0 when it keeps none: then all is told again.
    package mutating func replied(sessionID: Int32) {
        isAsking = false
        guard sessionID != 0 else { return beginAnew() }
        self.sessionID = sessionID
        sessionEpoch = sessionEpoch == .max ? 1 : sessionEpoch + 1
    }

    /// There was no answer, or one that refuses all.
    package mutating func failed(at now: Instant) {
        isAsking = false
        backoffUntil = now + backoff
        beginAnew()
    }

    private mutating func beginAnew() {
        sessionID = 0
        sessionEpoch = 0
        forgotten = []
        for partition in followed.keys.sorted() {
            followed[partition]?.toldEpoch = nil
            if followed[partition]?.delayedUntil == nil { enqueue(partition) }
        }
    }
}
