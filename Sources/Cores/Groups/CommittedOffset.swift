import ClusterModel

/// How far a group has come in one partition.
package struct CommittedOffset: Sendable, Equatable {
    /// The next record to read.
    package var offset: Offset
    /// The epoch of the last record read; -1 when the committer did not say.
    package var leaderEpoch: LeaderEpoch
    package var metadata: String
    /// Milliseconds since 1970.
    package var committedAt: Int64
    /// Milliseconds since 1970, asked for by old committers; nil leaves expiry to the group's rules (KIP-211).
    package var expiresAt: Int64?

    package init(
        offset: Offset, leaderEpoch: LeaderEpoch = -1, metadata: String = "", committedAt: Int64,
        expiresAt: Int64? = nil
    ) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.committedAt = committedAt
        self.expiresAt = expiresAt
    }
}
