/// What happens to a member.
package enum QuorumEvent: Sendable {
    case received(QuorumMessage, from: MemberID)
    /// Everything appended up to `zxid` is durable. Counted are truncations and installed snapshots that have been
    /// performed before: a report that does not know of the last of them counts for nothing.
    case persisted(upTo: Int64, truncationCount: Int)
    /// The leader has decided these changes; only while this member leads. They are sent with the next `flushed`.
    case proposed([QuorumEntry])
    /// Something must not be said before it is certain that no other member has come to lead until now; only while this
    /// member leads. A round of ``QuorumMember/awaitedRound`` begins with the next `flushed`.
    case confirmationAsked
    /// All that came together has been stepped through: what is to be sent goes out now.
    case flushed
    /// The state up to `zxid`, sent by the leader, is durable in place of the log. It must be needed until then, as
    /// ``QuorumMember/needsSnapshot(upTo:from:epoch:)`` says.
    case snapshotInstalled(zxid: Int64, Membership)
    /// The member that is sent the state has taken more of it.
    case snapshotProgressed(MemberID)
    /// A connection with that member has ended: what was on its way may be lost, and the member may be gone.
    case linkLost(MemberID)
    /// The member wants to be leader no longer.
    case resigned
    /// Time has passed; at least twice a heartbeat.
    case ticked
}

/// What a member wants done, in order.
package enum QuorumEffect: Sendable, Equatable {
    /// Make the promise durable before any later effect is performed.
    case promise(QuorumPromise)
    /// Make the entries durable, after those before them, and say so by ``QuorumEvent/persisted(upTo:truncationCount:)``.
    case append([QuorumEntry])
    /// What was appended above `zxid` is void.
    case truncate(after: Int64)
    case send(QuorumMessage, to: MemberID)
    /// The member lags too far for entries: send it the state, then await its acknowledgement.
    case sendSnapshot(to: MemberID)
    /// Entries up to `zxid` can be counted on.
    case commit(upTo: Int64)
    /// Propose an entry, whatever it says.
    case mark
    /// When this round began, and was asked for, no other member led: a quorum has said so since.
    case confirmed(round: Int64)
    /// The member looks for a leader, follows one, or leads, in the epoch that is its own now. A leader proposes the
    /// opening entry of its epoch as soon as it has applied all its entries.
    case becomeLooking
    case follow(MemberID, epoch: Int32)
    case lead(epoch: Int32)
    /// The ensemble is another one, by an entry that may still be taken back.
    case adopt(Membership)
    case report(QuorumNews)
}

/// What an operator should know of.
package enum QuorumNews: Sendable, Equatable {
    case campaigning(epoch: Int32)
    /// The leader hears too few members to go on.
    case lostQuorum(epoch: Int32)
    /// Nothing was heard of the leader for too long.
    case lostLeader(MemberID, epoch: Int32)
    case truncated(after: Int64, from: Int64)
    case caughtUp(zxid: Int64)
    /// The leader's own disk is behind what the others have made durable, by more than is kept in memory: another one
    /// had better lead.
    case diskLags(behind: Int64)
}
