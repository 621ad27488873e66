/// What a follower knows of its leader.
struct Following: Sendable {
    var leader: MemberID
    /// The own log is the leader's up to here.
    var matched: Int64
}

/// Taking entries from a leader.
extension QuorumMember {
    /// Follows whoever leads this epoch or a newer one. False when `sender` does not.
    private mutating func follow(
        _ sender: MemberID, epoch: Int32, at now: Int64, into effects: inout [QuorumEffect]
    ) -> Bool {
        guard epoch >= promise.epoch else { return false }
        if case .leading = role, epoch == promise.epoch { return false }
        if epoch > promise.epoch {
            promise.epoch = epoch
            promise.votedFor = nil
            effects.append(.promise(promise))
            look(into: &effects)
        }
        if leader != sender {
            role = .following(Following(leader: sender, matched: committed))
            effects.append(.follow(sender, epoch: epoch))
        }
        leaderHeard = now
        postponeElection(at: now)
        return true
    }

    mutating func heartbeat(
        _ epoch: Int32, round: Int64, of sender: MemberID, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        _ = follow(sender, epoch: epoch, at: now, into: &effects)
        effects.append(.send(.heartbeatAnswered(epoch: promise.epoch, round: counts ? round : 0), to: sender))
    }

    mutating func take(
        _ append: Append, of sender: MemberID, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        guard follow(sender, epoch: append.epoch, at: now, into: &effects),
            case .following(var following) = role
        else { return reject(append, nearest: log.last, of: sender, into: &effects) }
        noteEntries(upTo: append.lastZxid, into: &effects)
        if append.settled == life { settle(under: sender, into: &effects) }
        // The leader has looked for what both have, and found nothing as new as the begin: its state is to take the place.
        if hasDoubtfulBegin, append.previousZxid < log.begin {
            return reject(append, nearest: -1, of: sender, into: &effects)
        }
        // What lies before the begin is committed, so the leader has the same.
        let previous = max(append.previousZxid, log.begin)
        guard log.contains(previous) else {
            let nearest = log.nearest(atMost: previous) ?? log.begin
            return reject(append, nearest: nearest, of: sender, into: &effects)
        }
        let matched = join(append.entries.drop { $0.zxid <= previous }, behind: previous, into: &effects)
        following.matched = max(following.matched, matched)
        role = .following(following)
        commit(upTo: min(append.committed, following.matched), into: &effects)
        if following.matched <= persisted || append.settled == life { acknowledge(following, into: &effects) }
    }

    /// Takes over what is new of entries that follow `previous`; what the leader does not have gives way. Returns up to
    /// where both logs are the same.
    private mutating func join(
        _ entries: ArraySlice<QuorumEntry>, behind previous: Int64, into effects: inout [QuorumEffect]
    ) -> Int64 {
        var new = entries
        var matched = previous
        while let entry = new.first, log.contains(entry.zxid) {
            matched = entry.zxid
            new = new.dropFirst()
        }
        guard let last = new.last else { return matched }
        if log.last > matched { truncate(after: matched, into: &effects) }
        effects.append(.append(Array(new)))
        for entry in new {
            log.append(entry)
            if let membership = entry.membership { adopt(membership, into: &effects) }
        }
        return last.zxid
    }

    private mutating func truncate(after zxid: Int64, into effects: inout [QuorumEffect]) {
        precondition(zxid >= committed, "truncating after \(zxid), and \(committed) is committed")
        effects.append(.report(.truncated(after: zxid, from: log.last)))
        log.truncate(after: zxid)
        persisted = min(persisted, zxid)
        truncationCount += 1
        let before = memberships.current
        memberships.truncate(after: zxid)
        effects.append(.truncate(after: zxid))
        if memberships.current != before { effects.append(.adopt(memberships.current)) }
    }

    private func reject(
        _ append: Append, nearest: Int64, of sender: MemberID, into effects: inout [QuorumEffect]
    ) {
        let rejection = Rejection(
            epoch: promise.epoch, previousZxid: append.previousZxid, nearestZxid: nearest)
        effects.append(.send(.rejected(rejection), to: sender))
    }

    func acknowledge(_ following: Following, into effects: inout [QuorumEffect]) {
        let rebirth = counts ? 0 : life
        let acknowledgement = Acknowledgement(
            epoch: promise.epoch, zxid: min(persisted, following.matched), rebirth: rebirth)
        effects.append(.send(.acknowledged(acknowledgement), to: following.leader))
    }

    /// Whether the state up to `zxid`, sent by the leader of `epoch`, should take the place of the log. Not when the log
    /// leads up to it or beyond: what has been acknowledged of it would be lost.
    package func needsSnapshot(upTo zxid: Int64, from sender: MemberID, epoch: Int32) -> Bool {
        leader == sender && promise.epoch == epoch && zxid > committed && !log.contains(zxid)
    }

    /// The leader's state has taken the place of the log.
    mutating func installed(_ zxid: Int64, _ membership: Membership, into effects: inout [QuorumEffect]) {
        precondition(
            zxid > committed && !log.contains(zxid),
            "a snapshot of \(zxid) installed over a log from \(log.begin) to \(log.last), committed \(committed)")
        log = RecentLog(begin: zxid)
        persisted = zxid
        committed = zxid
        truncationCount += 1
        memberships.replace(by: membership)
        effects.append(.adopt(membership))
        guard case .following(var following) = role else { return }
        following.matched = zxid
        role = .following(following)
        acknowledge(following, into: &effects)
    }
}
