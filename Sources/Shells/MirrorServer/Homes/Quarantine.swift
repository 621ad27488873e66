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
    /// All who bring the old home back write as one producer, whose sequences are the topic's offsets: so nothing is kept
    /// twice, neither when an answer is lost nor when two run at once.
    private var producerID: ProducerID = -1
    private var end: Offset = 0

    /// - Parameter homeEpoch: of the home that does not have the records.
    init(of topic: String, homeEpoch: Int32, at cluster: KafkaClient) {
        self.cluster = cluster
        self.topic = QuarantineRecords.topic(of: topic, homeEpoch: homeEpoch)
    }

    /// Makes the topic, or finds out what is kept in it.
    mutating func open(replicas: Int16?) async throws {
        try await Administrator(cluster).create(topic, partitions: 1, replicas: replicas, configuration: Self.settings)
        try await look()
    }

    /// Finds out what is kept in the topic, which has to be there.
    mutating func look() async throws {
        let administrator = Administrator(cluster)
        let place = TopicPartition(topic: topic, partition: 0)
        let id = try await administrator.topics([topic])[topic]?.id ?? .zero
        producerID = ProducerID(id.low & UInt64(ProducerID.max))
        end = max(0, try await administrator.offsets(.latest, of: [place])[place]?.offset ?? 0)
        var kept: [Int32: (end: Offset, count: Int64)] = [:]
        try await cluster.readRecords(of: place, in: 0..<end) { records in
            for record in records {
                guard let (partition, offset) = record.quarantinedPlace else { continue }
                let before = kept[partition] ?? (0, 0)
                kept[partition] = (max(before.end, offset + 1), before.count + 1)
            }
        }
        self.kept = kept
    }

    /// Copies what stands in `range` and is not kept yet. Returns how many records of the partition are kept.
    /// - Parameters:
    ///   - leaderEpoch: in which the partition was found to be the old home's.
    ///   - attempts: how often to go on after others who keep the same at this time.
    mutating func keep(
        _ partition: TopicPartition, _ range: Range<Offset>, leaderEpoch: LeaderEpoch, attempts: Int = 10
    ) async throws -> Int64 {
        do {
            return try await keepRest(of: partition, range, leaderEpoch: leaderEpoch)
        } catch let fault as ClientFault where attempts > 1 && Self.isOvertaken(fault) {
            try await look()
            return try await keep(partition, range, leaderEpoch: leaderEpoch, attempts: attempts - 1)
        }
    }

    private static func isOvertaken(_ fault: ClientFault) -> Bool {
        fault.code == .outOfOrderSequenceNumber || fault.code == .duplicateSequenceNumber
    }

    private mutating func keepRest(
        of partition: TopicPartition, _ range: Range<Offset>, leaderEpoch: LeaderEpoch
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
        kept[partition.partition] = (range.upperBound, count)
        return count
    }

    private mutating func write(_ builder: RecordBatchBuilder) async throws {
        var builder = builder
        let count = Offset(builder.count)
        (builder.producerID, builder.producerEpoch) = (producerID, 0)
        // After the largest comes 0 again.
        builder.baseSequence = Int32(end % (Offset(Int32.max) + 1))
        let batch = builder.finish()
        let partition = TopicPartition(topic: topic, partition: 0)
        try await cluster.retrying {
            let connection = try await cluster.connection(for: .leader(partition))
            for answer in try await RawProduce()([(partition, .inMemory(batch))], on: connection) {
                try ClientFault.check(answer.error.rawValue, "\(partition)", answer.message)
            }
        }
        end += count
    }
}
