import ClusterModel
import Seams

/// What a fetch asks of one partition.
struct FetchInterest {
    /// What tells a partition from others of its session: the topic's id where requests name topics by it, for the name
    /// may not be known yet, or be another topic's by now.
    struct Key: Hashable {
        var topicID: KafkaUUID
        /// Empty where the id tells.
        var topic: String
        var partition: Int32

        init(topic: String, topicID: KafkaUUID, partition: Int32) {
            self.topicID = topicID
            self.topic = topicID == .zero ? topic : ""
            self.partition = partition
        }
    }

    /// Empty while no topic of the id is known.
    var topic: String
    var topicID: KafkaUUID
    var partition: Int32
    var currentLeaderEpoch: LeaderEpoch
    var fetchOffset: Offset
    var lastFetchedEpoch: LeaderEpoch
    /// The most bytes wanted of this partition.
    var maximumBytes: Int
    /// What the session last told: a partition is told again when one of these changed. -1 before the first time.
    var toldHighWatermark: Offset = -1
    var toldLogStartOffset: Offset = -1

    var topicPartition: TopicPartition { TopicPartition(topic: topic, partition: partition) }
    var key: Key { Key(topic: topic, topicID: topicID, partition: partition) }
}

/// The partitions that a client fetches again and again, told once and remembered (KIP-227).
///
/// A partition is *quiet* while the client knows all there is to know of it; then the session's id lies with the
/// partition, and whatever happens there stirs it. Only partitions that are not quiet are looked at, so that a fetch
/// costs as much as has happened, however many partitions the session has.
struct FetchSession {
    private struct Kept {
        var interest: FetchInterest
        /// Whether it lies in the queue; else it is quiet.
        var isQueued = true
    }

    let id: Int32
    /// What the next request of the session must carry: 1 and up.
    private(set) var nextEpoch: Int32 = 1
    /// Whether requests name topics by id (version 13 and up); may not change within a session.
    let usesTopicIDs: Bool
    private(set) var lastUsed: Instant
    /// When it was last answered.
    var answered: Instant?
    private var kept: [FetchInterest.Key: Kept] = [:]
    /// Those that are not quiet, in the order in which their turn comes.
    private var queue: [FetchInterest.Key] = []

    init(id: Int32, usesTopicIDs: Bool, interests: [FetchInterest], now: Instant) {
        self.id = id
        self.usesTopicIDs = usesTopicIDs
        self.lastUsed = now
        for interest in interests { update(interest) }
    }

    var count: Int { kept.count }

    /// In no order.
    var interests: some Sequence<FetchInterest> { kept.values.lazy.map(\.interest) }

    /// What is to be looked at, in order.
    var unsettled: [FetchInterest] { queue.compactMap { kept[$0]?.interest } }

    mutating func advanceEpoch(at now: Instant) {
        nextEpoch = nextEpoch == .max ? 1 : nextEpoch + 1
        lastUsed = now
    }

    /// Adds a partition or moves a known one to a new position; it is not quiet then.
    mutating func update(_ interest: FetchInterest) {
        let key = interest.key
        guard let known = kept[key] else {
            kept[key] = Kept(interest: interest)
            return queue.append(key)
        }
        var moved = Kept(interest: interest)
        moved.interest.toldHighWatermark = known.interest.toldHighWatermark
        moved.interest.toldLogStartOffset = known.interest.toldLogStartOffset
        kept[key] = moved
        if !known.isQueued { queue.append(key) }
    }

    /// Something has happened to a partition.
    mutating func stir(_ partition: Partition) {
        let key = FetchInterest.Key(
            topic: partition.name.topic, topicID: usesTopicIDs ? partition.topicID : .zero,
            partition: partition.name.partition)
        guard let known = kept[key], !known.isQueued else { return }
        kept[key]?.isQueued = true
        queue.append(key)
    }

    /// Returns those that were there.
    mutating func forget(_ keys: Set<FetchInterest.Key>) -> [FetchInterest] {
        guard !keys.isEmpty else { return [] }
        queue.removeAll { keys.contains($0) }
        return keys.compactMap { kept.removeValue(forKey: $0)?.interest }
    }

    /// Gives topics their names that were not known when the client told their ids.
    mutating func nameTopics(_ name: (KafkaUUID) -> String?) {
        // What has no name is never quiet.
        for key in queue where kept[key]?.interest.topic.isEmpty ?? false {
            kept[key]?.interest.topic = name(key.topicID) ?? ""
        }
    }

    /// Notes what the client knows of a partition now.
    mutating func noteTold(_ key: FetchInterest.Key, highWatermark: Offset, logStartOffset: Offset) {
        kept[key]?.interest.toldHighWatermark = highWatermark
        kept[key]?.interest.toldLogStartOffset = logStartOffset
    }

    /// Ends a look at all in the queue: some of them are quiet now; those that had their turn go behind the others, so
    /// that each is first at some time.
    mutating func settle(quiet: [FetchInterest.Key], behind served: Set<FetchInterest.Key>) {
        for key in quiet { kept[key]?.isQueued = false }
        let rest = queue.filter { kept[$0]?.isQueued ?? false }
        queue = served.isEmpty ? rest : rest.filter { !served.contains($0) } + rest.filter { served.contains($0) }
    }
}

/// The sessions of a broker: at most `slots`; a new one takes the place of the one unused longest, if that has been
/// unused for two minutes or is smaller (KIP-227).
struct FetchSessions {
    private static let evictableAfter = Duration.seconds(120)

    let slots: Int
    private var sessions: [Int32: FetchSession] = [:]
    private var lastID: Int32

    /// - Parameter lastID: any number. Another one at each start of the broker, or a client that goes on with a session
    ///   of before the start could meet a new one that has the same id.
    init(slots: Int, lastID: Int32) {
        self.slots = slots
        self.lastID = lastID
    }

    /// Opens a session; nil when all slots are held by better ones. `evicted` is the one whose slot it takes.
    mutating func open(
        usesTopicIDs: Bool, interests: [FetchInterest], now: Instant
    ) -> (id: Int32, evicted: FetchSession?)? {
        var evicted: FetchSession?
        if sessions.count >= slots {
            guard
                let oldest = sessions.values.min(by: { ($0.lastUsed, $0.id) < ($1.lastUsed, $1.id) }),
                now - oldest.lastUsed > Self.evictableAfter || oldest.count < interests.count
            else { return nil }
            evicted = sessions.removeValue(forKey: oldest.id)
        }
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while sessions[lastID] != nil
        sessions[lastID] = FetchSession(id: lastID, usesTopicIDs: usesTopicIDs, interests: interests, now: now)
        return (lastID, evicted)
    }

    /// Returns the session that was closed; nil when there was none.
    mutating func close(_ id: Int32) -> FetchSession? { sessions.removeValue(forKey: id) }

    subscript(id: Int32) -> FetchSession? {
        get { sessions[id] }
        _modify { yield &sessions[id] }
    }
}
