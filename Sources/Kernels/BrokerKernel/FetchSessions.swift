import ClusterModel
import Seams

/// What a fetch asks of one partition.
struct FetchInterest {
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
}

/// The partitions that a client fetches again and again, told once and remembered (KIP-227).
struct FetchSession {
    var id: Int32
    /// What the next request of the session must carry: 1 and up.
    var nextEpoch: Int32 = 1
    /// Whether requests name topics by id (version 13 and up); may not change within a session.
    var usesTopicIDs: Bool
    var interests: [FetchInterest]
    private var places: [TopicPartition: Int]
    private(set) var lastUsed: Instant

    init(id: Int32, usesTopicIDs: Bool, interests: [FetchInterest], now: Instant) {
        self.id = id
        self.usesTopicIDs = usesTopicIDs
        self.interests = []
        self.places = [:]
        self.lastUsed = now
        for interest in interests { update(interest) }
    }

    mutating func advanceEpoch(at now: Instant) {
        nextEpoch = nextEpoch == .max ? 1 : nextEpoch + 1
        lastUsed = now
    }

    /// Adds a partition or moves a known one to a new position.
    mutating func update(_ interest: FetchInterest) {
        if let place = places[interest.topicPartition] {
            let known = interests[place]
            interests[place] = interest
            interests[place].toldHighWatermark = known.toldHighWatermark
            interests[place].toldLogStartOffset = known.toldLogStartOffset
        } else {
            places[interest.topicPartition] = interests.count
            interests.append(interest)
        }
    }

    /// Notes what the client knows of a partition now.
    mutating func noteTold(_ partition: TopicPartition, highWatermark: Offset, logStartOffset: Offset) {
        guard let place = places[partition] else { return }
        interests[place].toldHighWatermark = highWatermark
        interests[place].toldLogStartOffset = logStartOffset
    }

    mutating func forget(_ partitions: Set<TopicPartition>) {
        guard !partitions.isEmpty else { return }
        interests.removeAll { partitions.contains($0.topicPartition) }
        index()
    }

    /// Puts the partitions up to and including `last` behind the others, so that each has its turn at being first.
    mutating func rotate(behind last: Int) {
        guard last + 1 < interests.count else { return }
        interests = Array(interests[(last + 1)...] + interests[...last])
        index()
    }

    private mutating func index() {
        places.removeAll(keepingCapacity: true)
        for (place, interest) in interests.enumerated() { places[interest.topicPartition] = place }
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

    /// Opens a session; nil when all slots are held by better ones.
    mutating func open(usesTopicIDs: Bool, interests: [FetchInterest], now: Instant) -> Int32? {
        if sessions.count >= slots {
            guard
                let oldest = sessions.values.min(by: { ($0.lastUsed, $0.id) < ($1.lastUsed, $1.id) }),
                now - oldest.lastUsed > Self.evictableAfter || oldest.interests.count < interests.count
            else { return nil }
            sessions[oldest.id] = nil
        }
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while sessions[lastID] != nil
        sessions[lastID] = FetchSession(id: lastID, usesTopicIDs: usesTopicIDs, interests: interests, now: now)
        return lastID
    }

    mutating func close(_ id: Int32) { sessions[id] = nil }

    subscript(id: Int32) -> FetchSession? {
        get { sessions[id] }
        _modify { yield &sessions[id] }
    }
}
