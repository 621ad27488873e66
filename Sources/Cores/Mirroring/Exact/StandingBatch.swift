import ClusterModel
import Records

/// A batch as it stands in a log, with the digest by which it is compared.
package struct StandingBatch: Sendable, Equatable {
    package var offsets: Range<Offset>
    package var leaderEpoch: LeaderEpoch
    package var digest: RangeDigest

    package init(offsets: Range<Offset>, leaderEpoch: LeaderEpoch, digest: RangeDigest) {
        self.offsets = offsets
        self.leaderEpoch = leaderEpoch
        self.digest = digest
    }

    package init(_ batch: RecordBatch) {
        var digest = RangeDigest()
        batch.bytes.withUnsafeReadableBytes { digest.add(batch.header, $0) }
        self.init(
            offsets: batch.header.baseOffset..<batch.header.nextOffset, leaderEpoch: batch.header.leaderEpoch,
            digest: digest)
    }
}
