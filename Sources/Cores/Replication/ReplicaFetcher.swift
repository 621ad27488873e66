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

/// What an answer is worth for a partition that it tells of.
package enum FetchAnswerUse: Sendable, Equatable {
    /// All of it.
    case current
    /// The leader did not know yet where the log ends now: its records are here already, and all else of it holds.
    case repeated
    /// It is of another leader epoch, or the partition is not followed any more.
    case stale
}

/// All that a broker fetches from one other broker, in one session (KIP-227) with one request at a time.
///
/// A request names only what has news for the leader: partitions that are new or whose log has grown, which is how
/// their records are acknowledged. So an idle partition costs nothing, however many there are.
///
/// A request may wait long at a leader that has nothing new. A partition that begins to be followed then does not wait
/// with it: a second request names it, and the leader ends the one that waits.
///
///     idle --nextOrder--> asked --replied--> idle
///                         asked --nextOrder--> asked twice --replied--> asked
///                         asked, asked twice --failed---> backing off --time--> idle (with a new session)
package struct ReplicaFetcher: Sendable {
    private struct Followed {
        var topicID: KafkaUUID
        var leaderEpoch: LeaderEpoch
        /// The epoch under which the session has it; nil when the session does not have it.
        var toldEpoch: LeaderEpoch?
        var isQueued = false
        /// Given while it is left out.
        var delayedUntil: Instant?
        /// How often the leader has refused it without a break.
        var refusalCount = 0
    }

    package let leader: BrokerID
    private var followed: [TopicPartition: Followed] = [:]
    /// Partitions to be told, in the order in which they came; among them some that have left since.
    private var queue: [TopicPartition] = []
    /// Whether some of the queue may be unknown to the session, so that a second request is worth while.
    private var hasNewcomers = false
    private var forgotten: [ForgottenPartition] = []
    /// In the order of their time.
    private var delayed: [(until: Instant, partition: TopicPartition)] = []
    private var sessionID: Int32 = 0
    private var sessionEpoch: Int32 = 0
    /// The sessions of the requests under way, in their order; 0 for one that opens a session.
    private var underWay: [Int32] = []
    private var backoffUntil: Instant?
    private let backoff: Duration

    /// How many times shorter than the whole back-off the first one after a refusal is: a leader that has not read the
    /// tree yet will have in a moment.
    private static let firstBackoffDivisor = 64

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
        guard !followed.isEmpty || !forgotten.isEmpty else { return .never }
        let release = delayed.first?.until ?? .never
        if underWay.isEmpty { return backoffUntil ?? release }
        return mayAskTwice ? release : .never
    }

    // MARK: - What is fetched

    /// Begins to fetch a partition, or goes on in another leader epoch.
    package mutating func follow(_ partition: TopicPartition, topicID: KafkaUUID, leaderEpoch: LeaderEpoch) {
        if let known = followed[partition], known.topicID != topicID { leave(partition) }
        if followed[partition] == nil {
            followed[partition] = Followed(topicID: topicID, leaderEpoch: leaderEpoch)
        } else {
            followed[partition]?.leaderEpoch = leaderEpoch
            followed[partition]?.refusalCount = 0
        }
        enqueue(partition)
    }

    package mutating func leave(_ partition: TopicPartition) {
        guard let known = followed.removeValue(forKey: partition) else { return }
        if known.toldEpoch != nil { forgotten.append(ForgottenPartition(partition: partition, topicID: known.topicID)) }
    }

    /// The partition's log has another end than the leader was told.
    package mutating func moved(_ partition: TopicPartition) { enqueue(partition) }

    /// What the leader was told has to be said again.
    package mutating func repeatAll() {
        for partition in partitions where followed[partition]?.delayedUntil == nil { enqueue(partition) }
    }

    /// The partition's log was cut: answers under way may be about what stood behind that, and the session forgets it
    /// before it is told of it again.
    package mutating func cut(_ partition: TopicPartition) {
        guard let known = followed[partition] else { return }
        if known.toldEpoch != nil { forgotten.append(ForgottenPartition(partition: partition, topicID: known.topicID)) }
        followed[partition]?.toldEpoch = nil
        enqueue(partition)
    }

    /// The leader refused the partition: it is left out for a while, the longer the more often that happens.
    package mutating func refused(_ partition: TopicPartition, at now: Instant) {
        guard let known = followed[partition], known.delayedUntil == nil else { return }
        followed[partition]?.refusalCount += 1
        let divisor = Self.firstBackoffDivisor >> min(known.refusalCount, Self.firstBackoffDivisor.trailingZeroBitCount)
        delay(partition, until: now + .nanoseconds(backoff.nanoseconds / Int64(divisor)))
    }

    /// Leaves the partition out until then.
    package mutating func delay(_ partition: TopicPartition, until: Instant) {
        guard let known = followed[partition], known.delayedUntil == nil else { return }
        if known.toldEpoch != nil { forgotten.append(ForgottenPartition(partition: partition, topicID: known.topicID)) }
        followed[partition]?.isQueued = false
        followed[partition]?.toldEpoch = nil
        followed[partition]?.delayedUntil = until
        let place = delayed.lastIndex { $0.until <= until }.map { $0 + 1 } ?? 0
        delayed.insert((until, partition), at: place)
    }

    /// What the first answer that is awaited is worth for the partition.
    package func use(ofAnswerAbout partition: TopicPartition) -> FetchAnswerUse {
        guard let known = followed[partition], known.toldEpoch == known.leaderEpoch else { return .stale }
        return known.isQueued ? .repeated : .current
    }

    /// The leader serves the partition.
    package mutating func accepted(_ partition: TopicPartition) {
        guard let known = followed[partition], known.refusalCount > 0 else { return }
        followed[partition]?.refusalCount = 0
    }

    private mutating func enqueue(_ partition: TopicPartition) {
        guard let known = followed[partition], !known.isQueued else { return }
        followed[partition]?.delayedUntil = nil
        followed[partition]?.isQueued = true
        if known.toldEpoch == nil { hasNewcomers = true }
        queue.append(partition)
    }

    // MARK: - Asking

    /// What to ask now; nil while an answer is awaited, while backing off, and when nothing is followed.
    package mutating func nextOrder(at now: Instant) -> FetchOrder? {
        guard underWay.isEmpty || mayAskTwice else { return nil }
        if let until = backoffUntil {
            guard until <= now else { return nil }
            backoffUntil = nil
        }
        let due = delayed.prefix { $0.until <= now }
        for (until, partition) in due where followed[partition]?.delayedUntil == until { enqueue(partition) }
        delayed.removeFirst(due.count)
        return underWay.isEmpty ? wholeOrder() : newcomersOrder()
    }

    /// Whether a second request may be sent: not before the first has opened the session, nor in one that was given up.
    private var mayAskTwice: Bool { underWay.count == 1 && sessionID != 0 && underWay[0] == sessionID }

    private mutating func wholeOrder() -> FetchOrder? {
        guard followed.contains(where: { $0.value.delayedUntil == nil }) || !forgotten.isEmpty else { return nil }
        var told: [TopicPartition] = []
        for place in queue.indices where tell(queue[place]) { told.append(queue[place]) }
        queue.removeAll(keepingCapacity: true)
        hasNewcomers = false
        return order(told)
    }

    /// One that is to be forgotten first is told by a later request: until then answers under way may be about the time
    /// before.
    private mutating func newcomersOrder() -> FetchOrder? {
        guard hasNewcomers else { return nil }
        hasNewcomers = false
        let waiting = queue
        queue = []
        var told: [TopicPartition] = []
        for partition in waiting {
            guard let known = followed[partition], known.isQueued else { continue }
            if known.toldEpoch != nil {
                queue.append(partition)
            } else if forgotten.contains(where: { $0.partition == partition }) {
                queue.append(partition)
                hasNewcomers = true
            } else if tell(partition) {
                told.append(partition)
            }
        }
        return told.isEmpty && !hasNewcomers ? nil : order(told)
    }

    /// Notes that the leader is told of the partition; false when it is not to be.
    private mutating func tell(_ partition: TopicPartition) -> Bool {
        guard let known = followed[partition], known.isQueued else { return false }
        followed[partition]?.isQueued = false
        followed[partition]?.toldEpoch = known.leaderEpoch
        return true
    }

    private mutating func order(_ told: [TopicPartition]) -> FetchOrder {
        let order = FetchOrder(
            sessionID: sessionID, sessionEpoch: sessionEpoch, told: told, forgotten: sessionID == 0 ? [] : forgotten)
        forgotten = []
        underWay.append(sessionID)
        if sessionID != 0 { sessionEpoch = sessionEpoch == .max ? 1 : sessionEpoch + 1 }
        return order
    }

    /// The leader answered the first request under way. `sessionID` is the one it gave, 0 when it keeps none: then all
    /// is told again.
    package mutating func replied(sessionID: Int32) {
        guard endFirst() else { return }
        guard sessionID != 0 else { return beginAnew() }
        guard self.sessionID == 0 else { return }
        self.sessionID = sessionID
        sessionEpoch = 1
    }

    /// There was no answer to the first request under way, or one that refuses all.
    package mutating func failed(at now: Instant) {
        backoffUntil = now + backoff
        if endFirst() { beginAnew() }
    }

    /// Returns whether it was of the present session.
    private mutating func endFirst() -> Bool {
        precondition(!underWay.isEmpty, "an answer of broker \(leader) that nothing was asked for")
        return underWay.removeFirst() == sessionID
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
