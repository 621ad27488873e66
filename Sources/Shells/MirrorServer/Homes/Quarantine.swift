import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring
import Records

/// Keeps records that only the old home of a topic has, before it becomes a mirror topic: in an ordinary topic there, with
/// headers that say where they stood.
struct Quarantine: Sendable {
    private static let mostBytesInBatch = 512 << 10
    /// Nothing is lost of what is kept, whatever the cluster's own settings, and every record that was there has room:
    /// compressed ones may have been larger than a batch may be.
    private static let settings = [
        "cleanup.policy": "delete", "max.message.bytes": "\(Int32.max)", "message.timestamp.type": "CreateTime",
        "retention.bytes": "-1", "retention.ms": "-1",
    ]

    let cluster: KafkaClient
    let topic: String
    /// How many records of each partition are kept already, and up to where, by a return that was killed: these are never
    /// written again, for what stands there now may be the new home's.
    private(set) var kept: [Int32: (end: Offset, count: Int64)] = [:]

    /// Under which, with the next sequence, records are written: a batch whose answer is lost is written once all the
    /// same.
    private var producer: (id: ProducerID, sequence: Int32) = (-1, -1)

    /// - Parameter homeEpoch: of the home that does not have the records.
    init(of topic: String, homeEpoch: Int32, at cluster: KafkaClient) {
        self.cluster = cluster
        self.topic = QuarantineRecords.topic(of: topic, homeEpoch: homeEpoch)
    }

    /// Makes the topic, or finds out what is kept in it.
    mutating func open(replicas: Int16?) async throws {
        try await Administrator(cluster).create(topic, partitions: 1, replicas: replicas, configuration: Self.settings)
        producer = (try await Locator.newProducer(cluster), 0)
        try await look()
    }

    /// Finds out what is kept in the topic, which has to be there.
    mutating func look() async throws {
        let administrator = Administrator(cluster)
        let place = TopicPartition(topic: topic, partition: 0)
        let end = try await administrator.offsets(.latest, of: [place])[place]?.offset ?? 0
        var kept: [Int32: (end: Offset, count: Int64)] = [:]
        try await cluster.readRecords(of: place, in: 0..<max(0, end)) { records in
            for record in records {
                guard let (partition, offset) = record.quarantinedPlace else { continue }
                let before = kept[partition] ?? (0, 0)
                kept[partition] = (max(before.end, offset + 1), before.count + 1)
            }
        }
        self.kept = kept
    }

    /// Copies what stands in `range` and is not kept yet. Returns how many records of the partition are kept.
    /// - Parameter leaderEpoch: in which the partition was found to be the old home's.
    mutating func keep(
        _ partition: TopicPartition, _ range: Range<Offset>, leaderEpoch: LeaderEpoch
    ) async throws -> Int64 {
        var (end, count) = kept[partition.partition] ?? (0, 0)
        end = max(end, range.lowerBound)
        guard end < range.upperBound else { return count }
        try await cluster.readRecords(of: partition, in: end..<range.upperBound, leaderEpoch: leaderEpoch) { records in
            count += Int64(records.count)
            var builder = RecordBatchBuilder()
            for record in records {
                builder.append(quarantined: record, of: partition.partition)
                if builder.sizeInBytes >= Self.mostBytesInBatch {
                    try await write(builder)
                    builder = RecordBatchBuilder()
                }
            }
            if !builder.isEmpty { try await write(builder) }
        }
        return count
    }

    private mutating func write(_ builder: RecordBatchBuilder) async throws {
        var builder = builder
        let count = builder.count
        (builder.producerID, builder.producerEpoch, builder.baseSequence) = (producer.id, 0, producer.sequence)
        let batch = builder.finish()
        let partition = TopicPartition(topic: topic, partition: 0)
        try await cluster.retrying {
            let connection = try await cluster.connection(for: .leader(partition))
            for answer in try await RawProduce()([(partition, .inMemory(batch))], on: connection) {
                try ClientFault.check(answer.error.rawValue, "\(partition)", answer.message)
            }
        }
        // After the largest comes 0 again.
        producer.sequence = (producer.sequence &+ count) & .max
    }
}
