import ClusterModel
import Records

/// Compares what both ends of a link have committed of a partition.
struct DigestComparison: Sendable {
    let ends: LinkEnds

    /// The digests of batches that begin in `range`.
    func digests(
        of partition: TopicPartition, _ range: Range<Offset>
    ) async throws -> (target: RangeDigest, source: RangeDigest) {
        async let theirs = DigestReader(cluster: ends.source).digest(of: partition, range)
        let ours = try await DigestReader(cluster: ends.target).digest(of: partition, range)
        return (ours, try await theirs)
    }

    /// Where the first batch begins that one end has and the other has not: halves the range, of which the digests have
    /// to differ, until one offset is left.
    func firstDifference(of partition: TopicPartition, in range: Range<Offset>) async throws -> Offset {
        var (low, high) = (range.lowerBound, range.upperBound)
        while high - low > 1 {
            let middle = low + (high - low) / 2
            let (ours, theirs) = try await digests(of: partition, low..<middle)
            if ours == theirs { low = middle } else { high = middle }
        }
        return low
    }
}
