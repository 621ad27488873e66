import Seams

/// One member of an ensemble: takes part in elections, and orders changes as leader or follows the order of one.
///
/// The protocol is Raft's (pre-votes, one vote an epoch, entries that must join) with the numbers of ZAB: a zxid carries
/// its leader's epoch, so it names the same prefix in every log. What must be durable before something is said is
/// visible in the order of effects: a promise before the answer that gives it, entries before their acknowledgement.
///
/// looking —(a quorum would vote, then votes)→ leading —(a newer epoch, or no quorum heard)→ looking
/// looking —(a leader of this epoch or a newer one speaks)→ following —(it is silent, or a newer epoch)→ looking
package struct QuorumMember: ProtocolCore, Sendable {
    package typealias Event = QuorumEvent
    package typealias Effect = QuorumEffect

    package let id: MemberID
    let settings: QuorumSettings
    /// Of a log that begins with what another server has left: its last changes may be some that no quorum had.
    private let inheritedBegin: Int64?
    package internal(set) var promise: QuorumPromise
    /// Invariant: its begin is committed.
    var log: RecentLog
    /// Entries up to here can be counted on.
    package internal(set) var committed: Int64
    /// The own log is durable up to here.
    var persisted: Int64
    /// Truncations and installed snapshots so far.
    package internal(set) var truncationCount = 0
    var memberships: MembershipHistory
    /// The last round of confirmation that this member has begun as a leader; they are counted over all its epochs.
    var begunRound: Int64 = 0
    var role: Role = .looking(nil)
    /// When a member without a sign of its leader acts, in nanoseconds of the steady clock.
    var electionDeadline: Int64
    /// When a candidate or a follower last heard of a leader; nil once that leader is suspected to be gone.
    var leaderHeard: Int64?
    /// Names the time since the member was started, for all members. Never 0.
    let life: UInt64
    private var chance: UInt64

    enum Role: Sendable {
        case looking(Campaign?)
        case following(Following)
        case leading(Leading)
    }

    /// A member that goes on with what it has on disk.
    ///
    /// - Parameters:
    ///   - log: the entries behind `committed`, all of them durable.
    ///   - committed: what a snapshot holds.
    ///   - isInherited: whether that snapshot was made of what another server left, at whose end there may be changes that
    ///     no quorum had. It counts as committed until a leader turns out not to have it.
    ///   - seed: lets members choose different deadlines.
    package init(
        _ id: MemberID, _ settings: QuorumSettings, _ membership: Membership, promise: QuorumPromise,
        log entries: [QuorumEntry], committed: Int64, isInherited: Bool = false, seed: UInt64, at now: Instant
    ) {
        inheritedBegin = isInherited ? committed : nil
        self.id = id
        self.settings = settings
        self.promise = promise
        self.committed = committed
        log = RecentLog(begin: committed, entries)
        persisted = log.last
        memberships = MembershipHistory(membership)
        for case let membership? in entries.map(\.membership) where membership.version > memberships.current.version {
            memberships.add(membership)
        }
        memberships.settle(upTo: promise.settledVersion)
        chance = seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(bitPattern: id.number) | 1
        life = chance
        electionDeadline = now.nanoseconds
        electionDeadline += random(below: settings.heartbeatInterval.nanoseconds / 2)
    }

    package mutating func step(_ event: QuorumEvent, at now: Instant, into effects: inout [QuorumEffect]) {
        let now = now.nanoseconds
        switch event {
        case .received(let message, let sender): received(message, from: sender, at: now, into: &effects)
        case .persisted(let zxid, let count): persisted(upTo: zxid, truncationCount: count, into: &effects)
        case .proposed(let entries): propose(entries, at: now, into: &effects)
        case .confirmationAsked: askConfirmation()
        case .flushed: flush(at: now, into: &effects)
        case .snapshotInstalled(let zxid, let membership): installed(zxid, membership, into: &effects)
        case .snapshotProgressed(let member): snapshotProgressed(member, at: now)
        case .linkLost(let member): linkLost(member, at: now)
        case .resigned: resign(at: now, into: &effects)
        case .ticked: tick(at: now, into: &effects)
        }
    }

    private mutating func received(
        _ message: QuorumMessage, from sender: MemberID, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        switch message {
        case .voteAsked(let request): vote(on: request, of: sender, at: now, into: &effects)
        case .voteAnswered(let answer): count(answer, of: sender, at: now, into: &effects)
        case .heartbeat(let epoch, let round): heartbeat(epoch, round: round, of: sender, at: now, into: &effects)
        case .heartbeatAnswered(let epoch, let round):
            if stepDown(before: epoch, at: now, into: &effects) { return }
            heard(sender, epoch: epoch, round: round, at: now, into: &effects)
        case .joinAsked: admit(sender, at: now)
        case .leadershipOffered(let epoch):
            guard leader == sender, epoch == promise.epoch, mayCampaign else { return }
            campaign(isPreliminary: false, at: now, into: &effects)
        case .entries(let append): take(append, of: sender, at: now, into: &effects)
        case .acknowledged(let acknowledgement):
            if stepDown(before: acknowledgement.epoch, at: now, into: &effects) { return }
            acknowledged(acknowledgement, by: sender, at: now, into: &effects)
        case .rejected(let rejection):
            if stepDown(before: rejection.epoch, at: now, into: &effects) { return }
            rejected(rejection, by: sender, at: now)
        }
    }

    private mutating func persisted(
        upTo zxid: Int64, truncationCount count: Int, into effects: inout [QuorumEffect]
    ) {
        guard count == truncationCount, zxid > persisted else { return }
        precondition(zxid <= log.last, "zxid \(zxid) is durable, and the log ends at \(log.last)")
        persisted = zxid
        switch role {
        case .looking: break
        case .following(let following): acknowledge(following, into: &effects)
        case .leading: advanceCommitted(into: &effects)
        }
    }

    private mutating func tick(at now: Int64, into effects: inout [QuorumEffect]) {
        if case .leading = role { return tickLeading(at: now, into: &effects) }
        guard now >= electionDeadline else { return }
        if let leader {
            effects.append(.report(.lostLeader(leader, epoch: promise.epoch)))
            look(into: &effects)
        }
        leaderHeard = nil
        if mayCampaign {
            campaign(isPreliminary: true, at: now, into: &effects)
        } else {
            role = .looking(nil)
            postponeElection(at: now)
            for member in memberships.everybody where member != id {
                effects.append(.send(.joinAsked, to: member))
            }
        }
    }

    // MARK: Common steps

    package var isLeading: Bool {
        if case .leading = role { true } else { false }
    }

    /// Whether a leader is known, or is this member, and all is committed here that earlier leaders may have promised.
    package var isEstablished: Bool {
        if case .looking = role { return false }
        return committed >= Epoch.opening(promise.epoch)
    }

    /// Whether the log may begin with changes that no quorum ever had.
    var hasDoubtfulBegin: Bool { inheritedBegin == log.begin && committed == log.begin }

    /// The leader that is followed.
    package var leader: MemberID? {
        if case .following(let following) = role { following.leader } else { nil }
    }

    /// Whether a member that has everything up to `zxid`, all of it committed, can go on with entries.
    package func hasCommittedEntries(behind zxid: Int64) -> Bool { zxid <= committed && log.contains(zxid) }

    /// Of the last entry.
    package var lastZxid: Int64 { log.last }

    /// What the log holds behind `zxid`, which is committed.
    package func entries(after zxid: Int64) -> ArraySlice<QuorumEntry> { log.entries(after: zxid, limitInBytes: .max) }

    /// Forgets leader or leadership.
    mutating func look(into effects: inout [QuorumEffect]) {
        if case .looking = role { return }
        role = .looking(nil)
        effects.append(.becomeLooking)
    }

    /// Steps back into line when somebody knows of a newer epoch.
    mutating func stepDown(before epoch: Int32, at now: Int64, into effects: inout [QuorumEffect]) -> Bool {
        guard epoch > promise.epoch else { return false }
        promise.epoch = epoch
        promise.votedFor = nil
        effects.append(.promise(promise))
        look(into: &effects)
        role = .looking(nil)
        return true
    }

    /// Moves what is committed forward; memberships up to there are final.
    mutating func commit(upTo zxid: Int64, into effects: inout [QuorumEffect]) {
        guard zxid > committed else { return }
        committed = zxid
        settleMemberships(upTo: zxid, into: &effects)
        effects.append(.commit(upTo: zxid))
        log.trim(toBytes: settings.recentLogSizeInBytes, upTo: zxid)
    }

    mutating func settleMemberships(upTo zxid: Int64, into effects: inout [QuorumEffect]) {
        guard memberships.settle(upTo: zxid) else { return }
        promise.settledVersion = memberships.active[0].version
        effects.append(.promise(promise))
    }

    /// Takes over an ensemble that an entry brings, unless a newer one is known from elsewhere.
    mutating func adopt(_ membership: Membership, into effects: inout [QuorumEffect]) {
        guard membership.version > memberships.current.version else { return }
        memberships.add(membership)
        effects.append(.adopt(membership))
    }

    mutating func postponeElection(at now: Int64) {
        let timeout = settings.electionTimeout.nanoseconds
        electionDeadline = now + timeout + random(below: timeout * 2 / 3)
    }

    /// Chance that follows from the seed (xorshift).
    mutating func random(below bound: Int64) -> Int64 {
        chance ^= chance << 13
        chance ^= chance >> 7
        chance ^= chance << 17
        return Int64(chance % UInt64(max(1, bound)))
    }
}
