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
    /// Whether uncommitted transactions are held back.
    package var readsCommitted = false

    package init() {}

    /// Fetches from the broker that leads all of `positions`. Throws ``ClientFault`` when the request as a whole fails;
    /// errors of partitions are in the result.
    package func callAsFunction(
        _ positions: [(partition: TopicPartition, offset: Offset)], on connection: BrokerConnection
    ) async throws -> [Partition] {
        // Up to version 12 topics go by name, which spares asking for their ids.
        let answer = try await connection.send(
            request(positions), atMost: 12, timeout: maximumWait + .seconds(30))
        try ClientFault.check(answer.errorCode, "Fetch")
        return answer.responses.flatMap { topic in topic.partitions.map { Partition(topic.topic, $0) } }
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
                request.topics.append(topic)
            }
            var entry = FetchRequest.FetchPartition()
            entry.partition = partition.partition
            entry.fetchOffset = offset
            entry.partitionMaxBytes = maximumBytesPerPartition
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
