import ClusterModel
import KafkaProtocol
import MartletClient
import NIOCore
import Records
import Synchronization
import WireCoding

/// A topic that the mirror itself writes: one partition, of which the latest record of each key stays.
final class InternalTopic: Sendable {
    /// The brokers' own topic in which groups are kept.
    static let ofGroups = "__consumer_offsets"

    private let cluster: KafkaClient
    private let partition: TopicPartition
    private let replicas: Int16?
    private let isCompacted: Bool
    private let exists = Mutex(false)

    init(_ name: String, in cluster: KafkaClient, replicas: Int16?, isCompacted: Bool = true) {
        partition = TopicPartition(topic: name, partition: 0)
        self.cluster = cluster
        self.replicas = replicas
        self.isCompacted = isCompacted
    }

    /// Writes records as one batch, creating the topic before the first. A record without a value takes its key away.
    /// - Returns: the first record's offset; -1 when there was none to write.
    @discardableResult
    func write(_ records: [(key: ByteBuffer, value: ByteBuffer?)], unixMilliseconds: Int64) async throws -> Offset {
        guard !records.isEmpty else { return -1 }
        if !exists.withLock({ $0 }) {
            try await Administrator(cluster).create(
                partition.topic, partitions: 1, replicas: replicas,
                configuration: isCompacted ? ["cleanup.policy": "compact"] : [:])
            exists.withLock { $0 = true }
        }
        var builder = RecordBatchBuilder()
        for record in records { builder.append(timestamp: unixMilliseconds, key: record.key, value: record.value) }
        let batch = builder.finish()
        return try await cluster.retrying {
            let connection = try await cluster.connection(for: .leader(partition))
            let answers = try await RawProduce()([(partition, .inMemory(batch))], on: connection)
            for answer in answers { try ClientFault.check(answer.error.rawValue, "\(partition)", answer.message) }
            return answers.first?.baseOffset ?? -1
        }
    }
}
