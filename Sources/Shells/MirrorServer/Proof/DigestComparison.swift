import ClusterModel
import Mirroring
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

    /// Where the first batch begins that one end has and the other has not; the range's end when there is none.
    func firstDifference(of partition: TopicPartition, in range: Range<Offset>) async throws -> Offset {
        try await finish(DigestSearch(in: range), of: partition)
    }

    func finish(_ search: DigestSearch, of partition: TopicPartition) async throws -> Offset {
        var search = search
        while let part = search.next {
            let (ours, theirs) = try await digests(of: partition, part)
            search.compared(isSame: ours == theirs)
        }
        return search.from
    }
}
