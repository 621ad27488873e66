import ClusterModel
import KafkaProtocol
import WireCoding

/// Produces record batches that are already built, without looking into them.
package struct RawProduce: Sendable {
    /// What became of one partition's batch.
    package struct Partition: Sendable {
        package var partition: TopicPartition
        package var error: ErrorCode
        package var message: String?
        /// The offset of the batch's first record; -1 when unknown.
        package var baseOffset: Offset
        package var logAppendTime: Int64
    }

    /// 1: the leader has it; -1: all in-sync replicas have it. For 0 see ``Producer``.
    package var acks: Int16 = -1
    /// How long the leader may wait for the others.
    package var timeout: Duration = .seconds(30)
    package var transactionalID: String?

    package init() {}

    /// Sends batches, at most one a partition, to the broker that leads them all. Throws ``ClientFault`` when the
    /// request as a whole fails; errors of partitions are in the result.
    package func callAsFunction(
        _ batches: [(partition: TopicPartition, records: RecordBytes)], on connection: BrokerConnection
    ) async throws -> [Partition] {
        let answer = try await connection.send(request(batches), timeout: timeout + .seconds(5))
        return Self.partitions(answer)
    }

    /// The same without waiting: requests of one thread arrive in order. `complete` is called once, mostly on the
    /// connection's event loop.
    package func callAsFunction(
        _ batches: [(partition: TopicPartition, records: RecordBytes)], on connection: BrokerConnection,
        then complete: @escaping @Sendable (Result<[Partition], ClientFault>) -> Void
    ) {
        connection.send(request(batches), timeout: timeout + .seconds(5)) { complete($0.map(Self.partitions)) }
    }

    /// The same with acks=0, which nobody answers: see ``BrokerConnection/unsentBytes``.
    package func withoutAnswer(
        _ batches: [(partition: TopicPartition, records: RecordBytes)], on connection: BrokerConnection
    ) throws(ClientFault) {
        try connection.sendUnanswered(request(batches))
    }

    func request(_ batches: [(partition: TopicPartition, records: RecordBytes)]) -> ProduceRequest {
        var request = ProduceRequest()
        request.transactionalId = transactionalID
        request.acks = acks
        request.timeoutMs = Int32(clamping: Int64(timeout / .milliseconds(1)))
        for (partition, records) in batches {
            if request.topicData.last?.name != partition.topic {
                var topic = ProduceRequest.TopicProduceData()
                topic.name = partition.topic
                request.topicData.append(topic)
            }
            var entry = ProduceRequest.PartitionProduceData()
            entry.index = partition.partition
            entry.records = records
            request.topicData[request.topicData.count - 1].partitionData.append(entry)
        }
        return request
    }

    static func partitions(_ answer: ProduceResponse) -> [Partition] {
        answer.responses.flatMap { topic in
            topic.partitionResponses.map { entry in
                Partition(
                    partition: TopicPartition(topic: topic.name, partition: entry.index),
                    error: ErrorCode(rawValue: entry.errorCode), message: entry.errorMessage,
                    baseOffset: entry.baseOffset, logAppendTime: entry.logAppendTimeMs)
            }
        }
    }
}
