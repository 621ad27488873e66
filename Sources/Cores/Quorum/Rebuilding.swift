/// What a leader knows of a member that has lost its disk, or never had anything on it.
struct Rebirth: Sendable, Equatable {
    /// Of the member.
    var life: UInt64
    /// The end of the leader's log when it heard of it: all the member can ever have acknowledged to it.
    var logEnd: Int64
    /// The member may vote, and counts as soon as it says that it knows so.
    var isOver = false
}

/// How members come back that have lost what they acknowledged and promised.
///
/// Such a member may have voted for a candidate that still collects votes for a newer epoch, so being up to date with a
/// leader is not enough: what it helped to commit could be missing at that candidate. It counts for nothing, in no quorum,
/// until a quorum without it has made an entry durable that its leader proposed after the member had come back. From
/// then on nobody of that quorum votes for the candidate, whose log lacks the entry; and the votes of the others are no
/// quorum together with the one that was given away. (What a member forgets it has done is the error in the recovery of
/// Viewstamped Replication Revisited; Michael et al., DISC 2017.)
extension QuorumMember {
    // MARK: The member

    /// Whether the member knows all that it has ever acknowledged and promised. One that was given another's log has
    /// never had any other.
    var counts: Bool {
        switch promise.standing {
        case .voting: true
        case .blank: log.last > 0
        case .rebuilding: false
        }
    }

    mutating func settle(under leader: MemberID, into effects: inout [QuorumEffect]) {
        guard promise.standing == .rebuilding else { return }
        promise.standing = .voting
        // It may have been one of those that voted for another one in this epoch.
        promise.votedFor = leader
        effects.append(.promise(promise))
        effects.append(.report(.caughtUp(zxid: persisted)))
    }

    // MARK: Its leader

    /// How far those are that count.
    func countedMatches(of leading: Leading) -> [MemberID: Int64] {
        var matched = leading.progress.filter { $0.value.rebirth == nil }.mapValues(\.matched)
        matched[id] = persisted
        return matched
    }

    /// Lets members vote again that have come so far.
    mutating func settleReborn() {
        guard case .leading(var leading) = role, leading.progress.contains(where: { $0.value.rebirth?.isOver == false })
        else { return }
        let matched = countedMatches(of: leading)
        for (member, progress) in leading.progress {
            guard let rebirth = progress.rebirth, !rebirth.isOver, progress.matched > rebirth.logEnd,
                memberships.isQuorum(Set(matched.filter { $0.value > rebirth.logEnd }.keys))
            else { continue }
            leading.progress[member]?.rebirth?.isOver = true
            // So that it is told with the next flush.
            leading.progress[member]?.toldCommitted = 0
        }
        role = .leading(leading)
    }

    /// Whether members wait for an entry after their rebirth, and nobody proposes one.
    func needsMark(_ leading: Leading) -> Bool {
        Epoch.of(zxid: log.last) == leading.epoch
            && leading.progress.contains { $0.value.rebirth?.logEnd == log.last }
    }
}

extension Leading.Progress {
    /// Takes in what the member says of itself.
    mutating func note(_ life: UInt64, logEnd: Int64) {
        if life == 0 {
            rebirth = nil
        } else if rebirth?.life != life {
            rebirth = Rebirth(life: life, logEnd: logEnd)
            matched = 0
        }
    }
}
