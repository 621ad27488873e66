import ClusterModel
import KafkaProtocol
import NIOCore
import Records
import Seams

/// A producer with one request under way: it sends a batch again until it is acknowledged.
struct ClusterProducer {
    let client: Int
    let topic: ClusterTopic
    let partition: Int32
    /// A plain producer's batch may stand in the log more often than once.
    let isIdempotent: Bool
    /// -1 or 1.
    let acks: Int16
    /// The batch under way.
    var batch: [ClientRecord] = []
    /// How often the batch was sent.
    var attempts = 0
    var sentCount = 0
    /// Rises when another process takes the producer over (KIP-98): nothing of an earlier one is to be taken then.
    private(set) var epoch: Int16 = 0
    /// What was sent in earlier epochs: in each, sequences begin with 0.
    private var sentBefore = 0
    /// When a batch was acknowledged last.
    var lastSuccess = Instant(nanoseconds: 0, unixMilliseconds: 0)
    /// Whom the request under way was sent to.
    var target = BrokerID(0)
    /// The topic that the receiver served when the request under way was sent.
    var targetTopic: KafkaUUID?
    /// Ticket of the request under way; nil while none is.
    var awaited: UInt64?

    init(client: Int, topic: ClusterTopic, partition: Int32, isIdempotent: Bool, acks: Int16 = -1) {
        self.client = client
        self.topic = topic
        self.partition = partition
        self.isIdempotent = isIdempotent
        self.acks = acks
    }

    /// Makes the next batch.
    mutating func fill(_ random: inout SeededRandom) {
        for number in 0..<Int.random(in: 1...4, using: &random) {
            var record = ClientRecord(key: nil, value: "\(client)-\(sentCount + number)")
            if topic.kind == .compacted {
                record.key = "\(client)k\(Int.random(in: 0..<6, using: &random))"
                if Int.random(in: 0..<4, using: &random) == 0 { record.value = nil }
            }
            batch.append(record)
        }
    }

    /// The batch under way.
    func request(at now: Instant) -> ProduceRequest {
        var builder = RecordBatchBuilder()
        if isIdempotent {
            builder.producerID = ProducerID(1_000_000 + client)
            builder.producerEpoch = epoch
            builder.baseSequence = Int32(sentCount - sentBefore)
        }
        for record in batch {
            builder.append(
                timestamp: now.unixMilliseconds, key: record.key.map { ByteBuffer(string: $0) },
                value: record.value.map { ByteBuffer(string: $0) })
        }
        var data = ProduceRequest.PartitionProduceData()
        data.index = partition
        data.records = .inMemory(builder.finish())
        var topicData = ProduceRequest.TopicProduceData()
        topicData.name = topic.name
        topicData.partitionData = [data]
        var request = ProduceRequest()
        request.acks = acks
        request.timeoutMs = 1500
        request.topicData = [topicData]
        return request
    }

    /// Whether nothing of the epoch is acknowledged yet, and there was an earlier one.
    var hasJustTakenOver: Bool { epoch > 0 && sentCount == sentBefore }

    mutating func takeOver() {
        precondition(batch.isEmpty, "client \(client) is taken over with \(batch) under way")
        epoch += 1
        sentBefore = sentCount
    }

    /// The process of the epoch before, with something to say.
    var predecessor: ClusterProducer {
        var old = self
        old.epoch -= 1
        old.sentBefore = old.sentCount
        old.batch = [ClientRecord(key: nil, value: "\(client)-late-\(epoch)")]
        return old
    }

    mutating func acknowledge(at now: Instant) {
        sentCount += batch.count
        batch = []
        attempts = 0
        lastSuccess = now
    }
}

/// A process that sends for a producer that another process has taken over.
struct FencedProducer {
    let client: Int
    let producer: ClusterProducer
    var attempts = 0
    /// Ticket of the request under way.
    var awaited: UInt64?
}

/// A consumer that reads a partition from its beginning and goes on for ever.
struct ClusterReader {
    let client: Int
    let topic: ClusterTopic
    let partition: Int32
    var offset: Offset = 0
    var awaited: UInt64?
    /// The topic that the receiver served when the request under way was sent.
    var targetTopic: KafkaUUID?
    /// Whether the request under way asks for the end instead of records.
    var asksForEnd = false
    /// The leader epoch that the request under way names.
    var askedEpoch: LeaderEpoch = -1
    /// Whether it went to the leader of that epoch.
    var asksLeader = false
    /// The largest end that was told, and in which leader epoch.
    var end: Offset = 0
    var endEpoch: LeaderEpoch = -1
    var pass: Pass

    /// One reading of a compacted topic from its beginning.
    struct Pass {
        var began: Instant
        /// That of the leader that was read from all along; nil before the first answer.
        var epoch: LeaderEpoch?
        /// The deletions that were acknowledged when it began, by key.
        var deletions: [String: Offset] = [:]
        /// The latest that was read of each key.
        var latest: [String: (offset: Offset, record: ClientRecord)] = [:]
    }

    init(client: Int, topic: ClusterTopic, partition: Int32, at now: Instant) {
        self.client = client
        self.topic = topic
        self.partition = partition
        pass = Pass(began: now)
    }

    /// Begins to read anew.
    mutating func beginAnew(at now: Instant) {
        offset = 0
        pass = Pass(began: now)
        var latest: [String: Offset] = [:]
        for (offset, record) in topic.histories[Int(partition)].acknowledged {
            guard let key = record.key, offset > latest[key] ?? -1 else { continue }
            latest[key] = offset
            pass.deletions[key] = record.value == nil ? offset : nil
        }
    }
}

/// A client that commits rising offsets for a group, and asks for them in between.
struct ClusterCommitter {
    let client: Int
    let group: String
    /// The largest that was sent.
    var sent: Offset = 0
    /// The largest that was acknowledged or told.
    var known: Offset = -1
    /// What the request under way commits; nil when it asks.
    var committing: Offset?
    /// What was known when the request under way was sent.
    var knownBefore: Offset = -1
    var target = BrokerID(0)
    /// The epoch in which `target` led when the request under way was sent; nil when it did not.
    var targetEpoch: LeaderEpoch?
    var awaited: UInt64?

    init(client: Int, group: String) {
        self.client = client
        self.group = group
    }
}
