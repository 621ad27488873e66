import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records

/// Compares single batches of one partition at both sides of a link.
struct LogComparison: Sendable {
    let partition: TopicPartition
    let source: KafkaClient
    let target: KafkaClient

    /// Where the source's first batch begins that goes on behind `start`; `start` when there is none, or a later one.
    func firstBatch(from start: Offset) async throws -> Offset {
        min(start, try await batch(at: start, source).batch?.offsets.lowerBound ?? start)
    }

    /// What the source has in the place of the target's last batch, and when that is something else, from where on they
    /// differ.
    /// - Parameter start: from where on both have what they have not deleted.
    func tail(from start: Offset, _ sourceEnd: Offset, _ targetEnd: Offset) async throws -> ExactPartition.Tail {
        var search = TailSearch(from: start, sourceEnd: sourceEnd, targetEnd: targetEnd)
        while let offset = search.next {
            let ours = try await batch(at: offset, target)
            var theirs: TailSearch.Found?
            if let standing = ours.batch {
                theirs = try await batch(at: max(offset, standing.offsets.lowerBound), source)
            }
            search.compared(target: ours, source: theirs)
        }
        guard let tail = search.tail else { preconditionFailure("\(partition): no answer from \(search)") }
        return tail
    }

    /// The first batch that ends behind `offset`; nil when there is none, or the offset is not in the log.
    private func batch(
        at offset: Offset, _ cluster: KafkaClient
    ) async throws -> TailSearch.Found {
        var fetch = RawFetch()
        fetch.maximumWait = .zero
        // The first partition of an answer always gets a whole batch (KIP-74).
        fetch.maximumBytesPerPartition = 1
        let connection = try await cluster.connection(for: .leader(partition))
        guard let answer = try await fetch([(partition, offset)], on: connection).first else {
            throw ClientFault.refused(.unknownTopicOrPartition, "\(partition)")
        }
        if answer.error == .offsetOutOfRange { return (nil, answer.highWatermark) }
        try ClientFault.check(answer.error.rawValue, "\(partition) at \(offset)")
        var batches = RecordBatches(answer.records)
        while let batch = try batches.next() {
            guard batch.header.nextOffset > offset else { continue }
            return (StandingBatch(batch), answer.highWatermark)
        }
        return (nil, answer.highWatermark)
    }
}
