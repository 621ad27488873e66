import Quorum

/// What makes a coordinator a member of an ensemble when it starts.
package struct MemberStart: Sendable {
    package var id: MemberID
    package var quorum: QuorumSettings
    /// As files have it. What the log says counts instead as soon as the ensemble has been changed by a later decision.
    package var membership: Membership
    package var promise: QuorumPromise
    /// The log behind the last snapshot; the restored tree holds all of it.
    package var entries: [LogEntry]
    package var snapshotZxid: Int64
    /// Of the last change that was taken over from Apache ZooKeeper, if any.
    package var takenOverZxid: Int64?
    /// Lets members choose different moments.
    package var seed: UInt64

    package init(
        id: MemberID, quorum: QuorumSettings, membership: Membership, promise: QuorumPromise, entries: [LogEntry],
        snapshotZxid: Int64, takenOverZxid: Int64? = nil, seed: UInt64
    ) {
        self.id = id
        self.quorum = quorum
        self.membership = membership
        self.promise = promise
        self.entries = entries
        self.snapshotZxid = snapshotZxid
        self.takenOverZxid = takenOverZxid
        self.seed = seed
    }
}
