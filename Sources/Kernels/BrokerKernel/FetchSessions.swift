import ClusterModel
import Seams

/// A partition as a fetch names it: by the topic's name, or by its id (version 13 and up) and no name.
struct FetchKey: Hashable {
    var topic: String
    var topicID: KafkaUUID
    var partition: Int32
}

/// What a fetch asks of one partition.
struct FetchInterest {
    var key: FetchKey
    var currentLeaderEpoch: LeaderEpoch
    var fetchOffset: Offset
    var lastFetchedEpoch: LeaderEpoch
    /// Of the asking replica's log.
    var logStartOffset: Offset
    /// The most bytes wanted of this partition.
    var maximumBytes: Int
    /// What the session last told: a partition is told again when one of these changed. -1 before the first time.
    var toldHighWatermark: Offset = -1
    var toldLogStartOffset: Offset = -1
    /// Whether the leader has taken up the position, which acknowledges a follower's records.
    var isNoted = false
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
    private var kept: [FetchKey: Kept] = [:]
    /// Those that are not quiet, in the order in which their turn comes.
    private var queue: [FetchKey] = []

    init(id: Int32, usesTopicIDs: Bool, interests: [FetchInterest], now: Instant) {
        self.id = id
        self.usesTopicIDs = usesTopicIDs
        self.lastUsed = now
        for interest in interests { update(interest) }
    }

    var count: Int { kept.count }

    /// In no order.
    var partitions: some Sequence<FetchKey> { kept.keys }

    /// What is to be looked at, in order.
    var unsettled: [FetchInterest] { queue.compactMap { kept[$0]?.interest } }

    mutating func advanceEpoch(at now: Instant) {
        nextEpoch = nextEpoch == .max ? 1 : nextEpoch + 1
        lastUsed = now
    }

    /// Adds a partition or moves a known one to a new position; it is not quiet then.
    mutating func update(_ interest: FetchInterest) {
        guard let known = kept[interest.key] else {
            kept[interest.key] = Kept(interest: interest)
            return queue.append(interest.key)
        }
        var moved = Kept(interest: interest)
        moved.interest.toldHighWatermark = known.interest.toldHighWatermark
        moved.interest.toldLogStartOffset = known.interest.toldLogStartOffset
        kept[interest.key] = moved
        if !known.isQueued { queue.append(interest.key) }
    }

    /// Something has happened to a partition.
    mutating func stir(_ partition: Partition) {
        let key = FetchKey(
            topic: usesTopicIDs ? "" : partition.name.topic, topicID: usesTopicIDs ? partition.topicID : .zero,
            partition: partition.name.partition)
        guard let known = kept[key], !known.isQueued else { return }
        kept[key]?.isQueued = true
        queue.append(key)
    }

    /// Something has happened that may concern every partition.
    fileprivate mutating func stirAll() {
        for (key, known) in kept where !known.isQueued {
            kept[key]?.isQueued = true
            queue.append(key)
        }
    }

    mutating func forget(_ partitions: Set<FetchKey>) {
        guard !partitions.isEmpty else { return }
        queue.removeAll { partitions.contains($0) }
        for partition in partitions { kept[partition] = nil }
    }

    /// Takes over what the client knows of a partition now, and whether its position was taken up.
    mutating func replace(_ interest: FetchInterest) { kept[interest.key]?.interest = interest }

    /// Ends a look at all in the queue: some of them are quiet now; those that had their turn go behind the others, so
    /// that each is first at some time.
    mutating func settle(quiet: [FetchKey], behind served: Set<FetchKey>) {
        for partition in quiet { kept[partition]?.isQueued = false }
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

    /// Has every session look at all of its partitions again.
    mutating func stirAll() {
        for id in sessions.keys.sorted() { sessions[id]?.stirAll() }
    }

    /// Returns the session that was closed; nil when there was none.
    mutating func close(_ id: Int32) -> FetchSession? { sessions.removeValue(forKey: id) }

    subscript(id: Int32) -> FetchSession? {
        get { sessions[id] }
        _modify { yield &sessions[id] }
    }
}
