import ClusterModel
import KafkaProtocol
import NIOCore
import Records
import Seams
import WireCoding

/// A producer with acks=all and one request under way: it sends a batch again until it is acknowledged.
struct ClusterProducer {
    let client: Int
    let partition: Int32
    /// A plain producer's batch may stand in the log more often than once.
    let isIdempotent: Bool
    /// Values of the batch under way.
    var batch: [String] = []
    var sentCount = 0
    /// Whom the request under way was sent to.
    var target = BrokerID(0)
    /// Ticket of the request under way; nil while none is.
    var awaited: UInt64?

    /// The batch under way, or a new one.
    mutating func request(_ topic: String, batchSize: Int, at now: Instant) -> ProduceRequest {
        if batch.isEmpty {
            batch = (0..<batchSize).map { "\(client)-\(sentCount + $0)" }
        }
        var builder = RecordBatchBuilder()
        if isIdempotent {
            builder.producerID = ProducerID(1_000_000 + client)
            builder.producerEpoch = 0
            builder.baseSequence = Int32(sentCount)
        }
        for value in batch {
            builder.append(timestamp: now.unixMilliseconds, key: nil, value: ByteBuffer(string: value))
        }
        var data = ProduceRequest.PartitionProduceData()
        data.index = partition
        data.records = .inMemory(builder.finish())
        var topicData = ProduceRequest.TopicProduceData()
        topicData.name = topic
        topicData.partitionData = [data]
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 1500
        request.topicData = [topicData]
        return request
    }

    mutating func acknowledge() {
        sentCount += batch.count
        batch = []
    }
}

/// A consumer that reads a partition from its beginning and goes on for ever.
struct ClusterReader {
    let client: Int
    let partition: Int32
    var offset: Offset = 0
    var awaited: UInt64?
    /// Whether the request under way asks for the end instead of records.
    var asksForEnd = false
    /// The largest end that was told, and in which leader epoch.
    var end: Offset = 0
    var endEpoch: LeaderEpoch = -1
}

/// What is known to have been promised of one partition, by offset.
struct PartitionHistory {
    var acknowledged: [Offset: String] = [:]
    var read: [Offset: String] = [:]
}
