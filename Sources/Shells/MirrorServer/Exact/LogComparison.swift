import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records

/// Compares single batches of one partition at both sides of a link.
struct LogComparison: Sendable {
    /// A batch as it stands in a log, with the digest by which it is compared.
    private struct StandingBatch {
        var header: RecordBatchHeader
        var digest: RangeDigest

        var range: Range<Offset> { header.baseOffset..<header.nextOffset }
    }

    let partition: TopicPartition
    let source: KafkaClient
    let target: KafkaClient

    /// Where the source's first batch begins that goes on behind `start`; `start` when there is none, or a later one.
    func firstBatch(from start: Offset) async throws -> Offset {
        min(start, try await batch(at: start, source).batch?.header.baseOffset ?? start)
    }

    /// What the source has in the place of the target's last batch, and when that is something else, from where on they
    /// differ.
    /// - Parameter start: from where on both have what they have not deleted.
    func tail(from start: Offset, _ sourceEnd: Offset, _ targetEnd: Offset) async throws -> ExactPartition.Tail {
        let common = min(sourceEnd, targetEnd)
        let (last, isSame, isCommitted) = try await compare(at: common - 1)
        guard isCommitted else { return .uncommitted }
        let isShorter = sourceEnd < targetEnd
        if let last, isSame == true { return isShorter ? .different(from: common) : .same(last.header.leaderEpoch) }
        if isSame == nil, !isShorter { return .unknown }
        var search = DivergenceSearch(in: start..<common)
        while let offset = search.next {
            let (batch, isSame, _) = try await compare(at: offset)
            search.compared(at: offset, batch?.range, isSame: isSame)
        }
        return .different(from: search.from)
    }

    /// The target's first batch that ends behind `offset`, with the leader epoch that the source gives it; and whether
    /// the source has the same in its place, nil when it has nothing or the target has none. Not committed is what one of
    /// them does not show (yet).
    private func compare(
        at offset: Offset
    ) async throws -> (batch: StandingBatch?, isSame: Bool?, isCommitted: Bool) {
        let (standing, committedEnd) = try await batch(at: offset, target)
        guard let ours = standing else { return (nil, nil, committedEnd > offset) }
        let (found, highWatermark) = try await batch(at: max(offset, ours.header.baseOffset), source)
        if highWatermark <= offset { return (ours, nil, false) }
        guard let theirs = found, theirs.range.overlaps(ours.range) else { return (ours, nil, true) }
        let isSame = theirs.digest == ours.digest
        return (isSame ? theirs : ours, isSame, true)
    }

    /// The first batch that ends behind `offset`; nil when there is none, or the offset is not in the log.
    private func batch(
        at offset: Offset, _ cluster: KafkaClient
    ) async throws -> (batch: StandingBatch?, highWatermark: Offset) {
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
            var digest = RangeDigest()
            batch.bytes.withUnsafeReadableBytes { digest.add(batch.header, $0) }
            return (StandingBatch(header: batch.header, digest: digest), answer.highWatermark)
        }
        return (nil, answer.highWatermark)
    }
}
