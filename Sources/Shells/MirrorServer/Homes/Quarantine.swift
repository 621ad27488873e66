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

    let cluster: KafkaClient
    let topic: String

    /// - Parameter homeEpoch: of the home that does not have the records.
    init(of topic: String, homeEpoch: Int32, at cluster: KafkaClient) {
        self.cluster = cluster
        self.topic = QuarantineRecords.topic(of: topic, homeEpoch: homeEpoch)
    }

    /// Begins with an empty topic: what a return that was killed has left there is written again.
    func open(replicas: Int16?) async throws {
        let administrator = Administrator(cluster)
        if try await administrator.topics([topic])[topic] != nil {
            try await administrator.deleteTopic(topic)
            while try await administrator.topics([topic])[topic] != nil { try await Task.sleep(for: .milliseconds(50)) }
        }
        try await administrator.create(
            topic, partitions: 1, replicas: replicas, configuration: ["retention.ms": "-1"])
    }

    /// Copies what stands in `range`. Returns how many records that were.
    func keep(_ partition: TopicPartition, _ range: Range<Offset>) async throws -> Int64 {
        var count: Int64 = 0
        try await cluster.readRecords(of: partition, in: range) { records in
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

    private func write(_ builder: RecordBatchBuilder) async throws {
        var builder = builder
        let batch = builder.finish()
        let partition = TopicPartition(topic: topic, partition: 0)
        try await cluster.retrying {
            let connection = try await cluster.connection(for: .leader(partition))
            for answer in try await RawProduce()([(partition, .inMemory(batch))], on: connection) {
                try ClientFault.check(answer.error.rawValue, "\(partition)", answer.message)
            }
        }
    }
}
