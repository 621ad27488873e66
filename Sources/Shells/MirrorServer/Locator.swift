import ClusterModel
import KafkaProtocol
import KafkaProtocolTransactions
import MartletClient
import Mirroring
import Records

/// Finds out where a partition stands at both sides, so that its copy can begin or go on.
struct Locator: Sendable {
    let source: KafkaClient
    let target: KafkaClient
    let table: PartitionTable
    let store: PositionStore
    /// What all processes that share the link begin partitions with; -1 for nothing.
    let sharedProducer: @Sendable () -> ProducerID

    /// Asks for all at once; when that fails, for each alone, so that one partition without a leader stops no other.
    func locate(_ partitions: [(source: TopicPartition, remote: TopicPartition)]) async {
        do {
            try await locateAll(partitions)
        } catch {
            for partition in partitions where !Task.isCancelled {
                do {
                    if partitions.count == 1 { throw error }
                    try await locateAll([partition])
                } catch {
                    table.postpone(partition.source, reason: "asking where it stands: \(error)")
                }
            }
        }
    }

    private func locateAll(_ partitions: [(source: TopicPartition, remote: TopicPartition)]) async throws {
        let sources = Administrator(source)
        let names = partitions.map(\.source)
        let starts = try await sources.offsets(.earliest, of: names)
        let ends = try await sources.offsets(.latest, of: names, readsCommitted: true)
        let topics = try await sources.topics(Set(names.map(\.topic)).sorted())
        let targetEnds = try await Administrator(target).offsets(.latest, of: partitions.map(\.remote))
        let shared = sharedProducer()
        var fresh: ProducerID?
        var located: [TopicPartition: PartitionTable.Located] = [:]
        for (partition, remote) in partitions {
            guard let start = starts[partition]?.offset, let end = ends[partition]?.offset,
                let targetEnd = targetEnds[remote]?.offset
            else { throw ClientFault.refused(.unknownTopicOrPartition, "\(partition)") }
            let last = targetEnd > 0 ? try await RecordBatch.last(of: remote, end: targetEnd, in: target) : nil
            var spare = SpareProducer(id: shared, isShared: true)
            if shared < 0 || table.needsNewProducer(partition) {
                let id: ProducerID = if let fresh { fresh } else { try await Self.newProducer(target) }
                fresh = id
                spare = SpareProducer(id: id)
            }
            located[partition] = PartitionTable.Located(
                target: PartitionCopy.TargetEnd(offset: targetEnd, last: last.map { ($0.header, $0.mark) }),
                source: start...max(start, end), topicID: topics[partition.topic]?.id ?? .zero, spareProducer: spare)
        }
        table.located(located)
        // Before the first record goes out: positions are what tells a copy from an original, and from what others wrote.
        try await store.store()
    }

    /// A producer id without a transaction.
    static func newProducer(_ target: KafkaClient) async throws -> ProducerID {
        var request = InitProducerIdRequest()
        request.transactionalId = nil
        request.transactionTimeoutMs = 60_000
        request.producerId = -1
        request.producerEpoch = -1
        return try await target.retrying { [request] in
            let answer = try await target.send(request, to: .any)
            try ClientFault.check(answer.errorCode, "a producer id")
            return answer.producerId
        }
    }
}
