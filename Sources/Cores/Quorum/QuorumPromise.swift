/// What a member has promised in elections. It is durable before anybody is told.
package struct QuorumPromise: Sendable, Equatable {
    /// No leader of an older epoch is followed.
    package var epoch: Int32
    /// The only candidate of ``epoch`` that gets the vote.
    package var votedFor: MemberID?
    package var standing: Standing
    /// The version of the newest ensemble that is known to be final. Without it a member that starts anew would need the
    /// members of the ensemble before as well, and these may be gone.
    package var settledVersion: Int64

    /// Whether the member can know all that it has ever acknowledged.
    package enum Standing: UInt8, Sendable {
        /// It has no part in anything yet, or has been robbed of its disk: only others without anything get its vote.
        case blank
        /// It has lost what it once acknowledged: nobody gets its vote before it has caught up.
        case rebuilding
        case voting
    }

    package init(
        epoch: Int32 = 0, votedFor: MemberID? = nil, standing: Standing = .blank, settledVersion: Int64 = 0
    ) {
        self.epoch = epoch
        self.votedFor = votedFor
        self.standing = standing
        self.settledVersion = settledVersion
    }
}
