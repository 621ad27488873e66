import ClusterModel
import KafkaProtocol
import MartletClient
import NIOCore
import Records

/// Digests of ranges of a cluster's logs: asked of Martlet's brokers, computed from what Apache's give.
struct DigestReader: Sendable {
    private static let readAtOnceInBytes: Int32 = 8 << 20

    let cluster: KafkaClient

    /// Of the committed batches that begin in `range`. Throws OFFSET_OUT_OF_RANGE when the log does not hold it.
    func digest(of partition: TopicPartition, _ range: Range<Offset>) async throws -> RangeDigest {
        do {
            return try await Administrator(cluster).digest(of: partition, range)
        } catch let fault as ClientFault where fault.kind == .unsupported {
            return try await read(partition, range)
        }
    }

    private func read(_ partition: TopicPartition, _ range: Range<Offset>) async throws -> RangeDigest {
        var digest = RangeDigest()
        var offset = range.lowerBound
        while offset < range.upperBound {
            let records = try await cluster.retrying { [offset] in try await fetch(partition, offset) }
            let next = try Self.add(records, range, to: &digest)
            // Committed, and nothing is there: compaction has taken the rest.
            guard let next, next > offset else { return digest }
            offset = next
        }
        return digest
    }

    private func fetch(_ partition: TopicPartition, _ offset: Offset) async throws -> ByteBuffer {
        var fetch = RawFetch()
        fetch.maximumBytes = Self.readAtOnceInBytes
        fetch.maximumBytesPerPartition = Self.readAtOnceInBytes
        let connection = try await cluster.connection(for: .leader(partition))
        guard let answer = try await fetch([(partition, offset)], on: connection).first else {
            throw ClientFault.refused(.unknownTopicOrPartition, "\(partition)")
        }
        try ClientFault.check(answer.error.rawValue, "\(partition) at \(offset)")
        return answer.records
    }

    /// Adds whole batches; the last may be cut off.
    /// - Returns: the offset after the last one looked at; nil when there was none.
    private static func add(
        _ records: ByteBuffer, _ range: Range<Offset>, to digest: inout RangeDigest
    ) throws(InvalidRecords) -> Offset? {
        var batches = RecordBatches(records)
        var next: Offset?
        while let batch = try batches.next() {
            next = batch.header.nextOffset
            guard range.contains(batch.header.baseOffset) else { continue }
            batch.bytes.withUnsafeReadableBytes { digest.add(batch.header, $0) }
        }
        return next
    }
}
