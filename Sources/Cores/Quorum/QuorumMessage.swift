/// What members say to each other about the order of changes and who leads.
///
/// Any of them may be lost, repeated or overtaken without harm. Small ones travel on the election port, so that they
/// never wait behind entries.
package enum QuorumMessage: Sendable, Equatable {
    // Small ones.
    case voteAsked(VoteRequest)
    case voteAnswered(VoteAnswer)
    /// `round` is the leader's last round of confirmation.
    case heartbeat(epoch: Int32, round: Int64)
    /// `round` is that of the heartbeat; 0 of who may have promised more than it knows.
    case heartbeatAnswered(epoch: Int32, round: Int64)
    /// A member outside the ensemble asks the leader, whoever that is, to be sent entries.
    case joinAsked
    /// The leader steps down in favour of the receiver, which is to ask for votes at once.
    case leadershipOffered(epoch: Int32)

    // About entries.
    case entries(Append)
    case acknowledged(Acknowledgement)
    case rejected(Rejection)

    /// Whether it travels on the election port.
    package var isSmall: Bool {
        switch self {
        case .voteAsked, .voteAnswered, .heartbeat, .heartbeatAnswered, .joinAsked, .leadershipOffered: true
        case .entries, .acknowledged, .rejected: false
        }
    }
}

package struct VoteRequest: Sendable, Equatable {
    /// Of the leadership that is sought.
    package var epoch: Int32
    /// The end of the candidate's log: only who has as much or less votes for it.
    package var lastZxid: Int64
    /// Only a question: whether there would be a vote. Nobody's epoch rises by it, so that a member that was cut off
    /// cannot depose a leader.
    package var isPreliminary: Bool

    package init(epoch: Int32, lastZxid: Int64, isPreliminary: Bool) {
        self.epoch = epoch
        self.lastZxid = lastZxid
        self.isPreliminary = isPreliminary
    }
}

package struct VoteAnswer: Sendable, Equatable {
    /// That of the request, or the newer one for which it is refused.
    package var epoch: Int32
    package var isPreliminary: Bool
    package var isGranted: Bool
    /// The end of the answering member's log.
    package var lastZxid: Int64
    /// What the answering member knows to be committed.
    package var committed: Int64

    package init(epoch: Int32, isPreliminary: Bool, isGranted: Bool, lastZxid: Int64, committed: Int64) {
        self.epoch = epoch
        self.isPreliminary = isPreliminary
        self.isGranted = isGranted
        self.lastZxid = lastZxid
        self.committed = committed
    }
}

/// Entries of the leader of an epoch; none of them only to say how far all are committed.
package struct Append: Sendable, Equatable {
    package var epoch: Int32
    /// The entries follow this one: who does not have it rejects them.
    package var previousZxid: Int64
    package var entries: [QuorumEntry]
    package var committed: Int64
    /// The end of the leader's log.
    package var lastZxid: Int64
    /// The receiver's rebirth when that is over; 0 when there was none.
    package var settled: UInt64

    package init(
        epoch: Int32, previousZxid: Int64, entries: [QuorumEntry], committed: Int64, lastZxid: Int64,
        settled: UInt64 = 0
    ) {
        self.epoch = epoch
        self.previousZxid = previousZxid
        self.entries = entries
        self.committed = committed
        self.lastZxid = lastZxid
        self.settled = settled
    }
}

/// Everything of the leader's log up to `zxid` is durable at the sender.
package struct Acknowledgement: Sendable, Equatable {
    package var epoch: Int32
    package var zxid: Int64
    /// Of a member that may have acknowledged, and promised, what it does not know any more: names this life of it. 0 of
    /// all others.
    package var rebirth: UInt64

    package init(epoch: Int32, zxid: Int64, rebirth: UInt64 = 0) {
        self.epoch = epoch
        self.zxid = zxid
        self.rebirth = rebirth
    }
}

package struct Rejection: Sendable, Equatable {
    /// The sender's; above that of the leader that it rejects, or the same.
    package var epoch: Int32
    /// Of the entries that were rejected.
    package var previousZxid: Int64
    /// The newest the sender has that is not above `previousZxid`, or the end of its log.
    package var nearestZxid: Int64

    package init(epoch: Int32, previousZxid: Int64, nearestZxid: Int64) {
        self.epoch = epoch
        self.previousZxid = previousZxid
        self.nearestZxid = nearestZxid
    }
}
