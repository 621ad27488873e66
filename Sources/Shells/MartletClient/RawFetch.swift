import ClusterModel
import KafkaProtocol
import NIOCore
import WireCoding

/// Fetches record batches as they lie in the log, without decoding them.
package struct RawFetch: Sendable {
    /// What one partition gave.
    package struct Partition: Sendable {
        package var partition: TopicPartition
        package var error: ErrorCode
        /// Whole batches, except that the last may be cut; the first may begin before the offset asked for. Empty when
        /// there is nothing new.
        package var records: ByteBuffer
        /// The end of what is committed; -1 with an error.
        package var highWatermark: Offset
        /// The end of what readers of committed transactions see.
        package var lastStableOffset: Offset
        package var logStart: Offset
        /// Transactions to be skipped by readers of committed ones: producer and first offset.
        package var aborted: [(producer: ProducerID, first: Offset)]
    }

    /// How long a broker may wait for ``minimumBytes``.
    package var maximumWait: Duration = .milliseconds(500)
    package var minimumBytes: Int32 = 1
    package var maximumBytes: Int32 = 50 << 20
    package var maximumBytesPerPartition: Int32 = 1 << 20
    /// Of those partitions that had better bring less than ``maximumBytesPerPartition``.
    package var maximumBytesOf: [TopicPartition: Int32] = [:]
    /// Whether uncommitted transactions are held back.
    package var readsCommitted = false
    /// Under which leader epochs partitions are believed to be led: a broker that knows better says so instead of
    /// answering (KIP-320). Partitions that are not here are read under any.
    package var leaderEpochs: [TopicPartition: LeaderEpoch] = [:]
    /// The ids that topics are believed to have: a broker whose topic of that name has another says so instead of
    /// answering (KIP-516). Brokers before Apache Kafka 3.1 go by the name alone. Either all topics are here, or none.
    package var topicIDs: [String: KafkaUUID] = [:]

    package init() {}

    /// Fetches from the broker that leads all of `positions`. Throws ``ClientFault`` when the request as a whole fails;
    /// errors of partitions are in the result.
    package func callAsFunction(
        _ positions: [(partition: TopicPartition, offset: Offset)], on connection: BrokerConnection
    ) async throws -> [Partition] {
        // Up to version 12 topics go by name, which spares asking for their ids.
        let goesByID = try !topicIDs.isEmpty && connection.version(of: FetchRequest.self) > 12
        let answer = try await connection.send(
            request(positions), atMost: goesByID ? .max : 12, timeout: maximumWait + .seconds(30))
        try ClientFault.check(answer.errorCode, "Fetch")
        let names = Dictionary(topicIDs.map { ($0.value, $0.key) }) { $1 }
        return answer.responses.flatMap { topic in
            let name = goesByID ? names[topic.topicId] ?? "" : topic.topic
            return topic.partitions.map { Partition(name, $0) }
        }
    }

    private func request(_ positions: [(partition: TopicPartition, offset: Offset)]) -> FetchRequest {
        var request = FetchRequest()
        request.maxWaitMs = Int32(clamping: Int64(maximumWait / .milliseconds(1)))
        request.minBytes = minimumBytes
        request.maxBytes = maximumBytes
        request.isolationLevel = readsCommitted ? 1 : 0
        for (partition, offset) in positions {
            if request.topics.last?.topic != partition.topic {
                var topic = FetchRequest.FetchTopic()
                topic.topic = partition.topic
                topic.topicId = topicIDs[partition.topic] ?? .zero
                request.topics.append(topic)
            }
            var entry = FetchRequest.FetchPartition()
            entry.partition = partition.partition
            entry.currentLeaderEpoch = leaderEpochs[partition] ?? -1
            entry.fetchOffset = offset
            entry.partitionMaxBytes = min(maximumBytesPerPartition, maximumBytesOf[partition] ?? .max)
            request.topics[request.topics.count - 1].partitions.append(entry)
        }
        return request
    }
}

extension RawFetch.Partition {
    fileprivate init(_ topic: String, _ data: FetchResponse.PartitionData) {
        partition = TopicPartition(topic: topic, partition: data.partitionIndex)
        error = ErrorCode(rawValue: data.errorCode)
        if case .inMemory(let buffer) = data.records { records = buffer } else { records = ByteBuffer() }
        highWatermark = data.highWatermark
        lastStableOffset = data.lastStableOffset
        logStart = data.logStartOffset
        aborted = (data.abortedTransactions ?? []).map { ($0.producerId, $0.firstOffset) }
    }
}
