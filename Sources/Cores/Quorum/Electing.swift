/// A member's attempt to lead.
struct Campaign: Sendable {
    var isPreliminary: Bool
    var epoch: Int32
    var granted: Set<MemberID>
}

/// Votes asked for and given.
extension QuorumMember {
    var mayCampaign: Bool { memberships.isVoter(id) && promise.standing != .rebuilding }

    /// Asks everybody for a vote, or only whether there would be one.
    mutating func campaign(isPreliminary: Bool, at now: Int64, into effects: inout [QuorumEffect]) {
        look(into: &effects)
        let epoch = promise.epoch + 1
        if !isPreliminary {
            promise.epoch = epoch
            promise.votedFor = id
            promise.standing = .voting
            effects.append(.promise(promise))
            effects.append(.report(.campaigning(epoch: epoch)))
        }
        // Sooner than a leader is given up: the votes may have been split.
        let timeout = settings.electionTimeout.nanoseconds
        electionDeadline = now + timeout / 4 + random(below: timeout / 2)
        let own = Campaign(isPreliminary: isPreliminary, epoch: epoch, granted: [id])
        role = .looking(own)
        if memberships.isQuorum(own.granted) { return win(own, at: now, into: &effects) }
        let request = VoteRequest(epoch: epoch, lastZxid: log.last, isPreliminary: isPreliminary)
        for member in memberships.everybody where member != id && memberships.isVoter(member) {
            effects.append(.send(.voteAsked(request), to: member))
        }
    }

    private mutating func win(_ campaign: Campaign, at now: Int64, into effects: inout [QuorumEffect]) {
        if campaign.isPreliminary {
            self.campaign(isPreliminary: false, at: now, into: &effects)
        } else {
            lead(at: now, into: &effects)
        }
    }

    mutating func vote(
        on request: VoteRequest, of candidate: MemberID, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        let isGranted: Bool
        noteEntries(upTo: request.lastZxid, into: &effects)
        if request.isPreliminary {
            // It may be one that the ensemble does not know yet.
            admit(candidate, at: now)
            isGranted = request.epoch > promise.epoch && mayVote(for: request) && !hasLeader(at: now)
        } else {
            let before = promise
            if request.epoch > promise.epoch {
                promise.epoch = request.epoch
                promise.votedFor = nil
                look(into: &effects)
                role = .looking(nil)
            }
            isGranted =
                request.epoch == promise.epoch && mayVote(for: request)
                && (promise.votedFor == nil || promise.votedFor == candidate)
            if isGranted {
                promise.votedFor = candidate
                promise.standing = .voting
                postponeElection(at: now)
            }
            if promise != before { effects.append(.promise(promise)) }
        }
        let epoch = isGranted ? request.epoch : promise.epoch
        let answer = VoteAnswer(
            epoch: epoch, isPreliminary: request.isPreliminary, isGranted: isGranted, lastZxid: log.last,
            committed: committed)
        effects.append(.send(.voteAnswered(answer), to: candidate))
    }

    /// Whether the candidate's log holds all that this member may have helped to commit.
    private func mayVote(for request: VoteRequest) -> Bool {
        promise.standing != .rebuilding && request.lastZxid >= log.last
    }

    /// Where others have entries, a member without anything may have had its share of them, and lost it.
    mutating func noteEntries(upTo zxid: Int64, into effects: inout [QuorumEffect]) {
        guard promise.standing == .blank, log.last == 0, zxid > 0 else { return }
        promise.standing = .rebuilding
        effects.append(.promise(promise))
    }

    /// Whether a leader has been heard of so lately that nobody is to take its place.
    private func hasLeader(at now: Int64) -> Bool {
        if case .leading = role { return true }
        guard let leaderHeard else { return false }
        return now - leaderHeard < settings.electionTimeout.nanoseconds
    }

    mutating func count(
        _ answer: VoteAnswer, of voter: MemberID, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        noteEntries(upTo: answer.lastZxid, into: &effects)
        // Who belonged to the ensemble before may be the only one to know that it is over, and may vote no longer.
        if log.contains(answer.committed) { settleMemberships(upTo: answer.committed, into: &effects) }
        if !answer.isGranted, stepDown(before: answer.epoch, at: now, into: &effects) { return }
        guard answer.isGranted, case .looking(var campaign?) = role, campaign.epoch == answer.epoch,
            campaign.isPreliminary == answer.isPreliminary
        else { return }
        campaign.granted.insert(voter)
        role = .looking(campaign)
        if memberships.isQuorum(campaign.granted) { win(campaign, at: now, into: &effects) }
    }
}
