import Seams

/// What a leader knows of the others.
struct Leading: Sendable {
    var epoch: Int32
    /// Members, and who has asked to be sent entries.
    var progress: [MemberID: Progress]
    var nextHeartbeat: Int64
    /// A round of confirmation is to begin.
    var isRoundDue = false
    var confirmedRound: Int64 = 0

    /// How far one of them is.
    struct Progress: Sendable {
        enum Phase: Sendable {
            /// It is asked whether it has `next`; so long nothing else is sent.
            case probing(isAsked: Bool)
            /// It gets entries as they come.
            case streaming
            /// It gets the state.
            case snapshotting(since: Int64)
        }

        var phase = Phase.probing(isAsked: false)
        /// Durable there.
        var matched: Int64 = 0
        /// Sent up to here.
        var next: Int64
        /// Sent and not acknowledged.
        var underWay = SendWindow()
        /// Since the member has been known to have lost what it acknowledged.
        var rebirth: Rebirth?
        /// What it has been told to be committed.
        var toldCommitted: Int64 = 0
        /// The last round of confirmation it has answered.
        var round: Int64 = 0
        var heard: Int64

        mutating func probe(from zxid: Int64) {
            phase = .probing(isAsked: false)
            next = zxid
            underWay = SendWindow()
        }
    }
}

/// Ordering changes, and bringing the others up to them.
extension QuorumMember {
    mutating func lead(at now: Int64, into effects: inout [QuorumEffect]) {
        role = .leading(Leading(epoch: promise.epoch, progress: [:], nextHeartbeat: now))
        for member in memberships.everybody where member != id { admit(member, at: now) }
        effects.append(.lead(epoch: promise.epoch))
        tickLeading(at: now, into: &effects)
    }

    mutating func propose(_ entries: [QuorumEntry], at now: Int64, into effects: inout [QuorumEffect]) {
        precondition(isLeading, "member \(id) proposes without leading")
        effects.append(.append(entries))
        for entry in entries {
            precondition(
                Epoch.of(zxid: entry.zxid) == promise.epoch, "zxid \(entry.zxid) in epoch \(promise.epoch)")
            log.append(entry)
            guard let membership = entry.membership else { continue }
            adopt(membership, into: &effects)
            for member in membership.members where member.id != id { admit(member.id, at: now) }
        }
    }

    mutating func tickLeading(at now: Int64, into effects: inout [QuorumEffect]) {
        guard case .leading(var leading) = role else { return }
        let timeout = settings.electionTimeout.nanoseconds
        let heard = leading.progress.filter { now - $0.value.heard < timeout }.keys
        guard memberships.isQuorum(Set(heard).union([id])) else {
            effects.append(.report(.lostQuorum(epoch: leading.epoch)))
            return retire(at: now, into: &effects)
        }
        if Epoch.of(zxid: committed) == leading.epoch, !memberships.isChanging, !memberships.isVoter(id) {
            return resign(at: now, into: &effects)
        }
        if persisted < log.begin {
            effects.append(.report(.diskLags(behind: log.begin)))
            return resign(at: now, into: &effects)
        }
        guard now >= leading.nextHeartbeat else { return }
        leading.nextHeartbeat = now + settings.heartbeatInterval.nanoseconds
        let everybody = memberships.everybody
        // Who only asked to be sent entries, or was removed, is served as long as it answers.
        leading.progress = leading.progress.filter { everybody.contains($0.key) || now - $0.value.heard < 10 * timeout }
        role = .leading(leading)
        if needsMark(leading) { effects.append(.mark) }
        for member in leading.progress.keys.sorted() {
            effects.append(.send(.heartbeat(epoch: leading.epoch, round: begunRound), to: member))
            send(to: member, mayRepeat: true, at: now, into: &effects)
        }
    }

    /// Steps down, and leaves time for others to lead.
    private mutating func retire(at now: Int64, into effects: inout [QuorumEffect]) {
        look(into: &effects)
        postponeElection(at: now)
    }

    /// Steps down in favour of the voter that has most.
    mutating func resign(at now: Int64, into effects: inout [QuorumEffect]) {
        guard case .leading(let leading) = role else { return }
        let timeout = settings.electionTimeout.nanoseconds
        let heirs = leading.progress.filter {
            memberships.current.isVoter($0.key) && $0.value.rebirth == nil && now - $0.value.heard < timeout
        }
        let heir = heirs.max { ($0.value.matched, $1.key) < ($1.value.matched, $0.key) }?.key
        flush(at: now, into: &effects)
        if let heir { effects.append(.send(.leadershipOffered(epoch: leading.epoch), to: heir)) }
        retire(at: now, into: &effects)
        if heir == nil { electionDeadline = now }
    }

    // MARK: Sending

    mutating func flush(at now: Int64, into effects: inout [QuorumEffect]) {
        guard case .leading(let leading) = role else { return }
        for member in leading.progress.keys.sorted() { send(to: member, mayRepeat: false, at: now, into: &effects) }
        if leading.isRoundDue { beginRound(into: &effects) }
    }

    /// Sends a member what it lacks.
    ///
    /// - Parameter mayRepeat: whether to ask or tell again what may have been lost.
    private mutating func send(
        to member: MemberID, mayRepeat: Bool, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        guard case .leading(var leading) = role, var progress = leading.progress[member] else { return }
        // Out of the table, so that its lists are not copied.
        leading.progress[member] = nil
        if progress.next < log.begin, !progress.isSnapshotting {
            progress.underWay = SendWindow()
            progress.phase = .snapshotting(since: now)
            effects.append(.sendSnapshot(to: member))
        }
        switch progress.phase {
        case .probing(let isAsked):
            if !isAsked || mayRepeat {
                progress.phase = .probing(isAsked: true)
                effects.append(.send(.entries(append([], behind: progress.next, to: progress)), to: member))
            }
        case .streaming:
            stream(to: member, &progress, mayRepeat: mayRepeat, into: &effects)
        case .snapshotting(let since):
            if now - since > 10 * settings.electionTimeout.nanoseconds { progress.probe(from: log.last) }
        }
        leading.progress[member] = progress
        role = .leading(leading)
    }

    private func stream(
        to member: MemberID, _ progress: inout Leading.Progress, mayRepeat: Bool, into effects: inout [QuorumEffect]
    ) {
        var hasSpoken = false
        while progress.next < log.last, progress.underWay.sizeInBytes < settings.largestWindowInBytes {
            let entries = log.entries(after: progress.next, limitInBytes: settings.largestAppendInBytes)
            guard let last = entries.last else { break }
            effects.append(.send(.entries(append(Array(entries), behind: progress.next, to: progress)), to: member))
            progress.next = last.zxid
            progress.underWay.sent(upTo: last.zxid, sizeInBytes: entries.reduce(0) { $0 + RecentLog.size(of: $1) })
            hasSpoken = true
        }
        if !hasSpoken && (progress.toldCommitted < committed || mayRepeat) {
            effects.append(.send(.entries(append([], behind: progress.next, to: progress)), to: member))
        }
        progress.toldCommitted = committed
    }

    private func append(
        _ entries: [QuorumEntry], behind previous: Int64, to progress: Leading.Progress
    ) -> Append {
        Append(
            epoch: promise.epoch, previousZxid: previous, entries: entries, committed: committed, lastZxid: log.last,
            settled: progress.rebirth.map { $0.isOver ? $0.life : 0 } ?? 0)
    }

    // MARK: Answers

    /// Lets `body` change what is known of a member, which has just been heard of in this epoch.
    private mutating func alter(_ member: MemberID, _ body: (inout Leading.Progress, RecentLog) -> Void) {
        guard case .leading(var leading) = role, var progress = leading.progress[member] else { return }
        leading.progress[member] = nil
        body(&progress, log)
        leading.progress[member] = progress
        role = .leading(leading)
    }

    mutating func heard(
        _ member: MemberID, epoch: Int32, round: Int64, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        guard epoch == promise.epoch else { return }
        alter(member) { progress, _ in
            progress.heard = now
            progress.round = max(progress.round, round)
        }
        confirm(into: &effects)
    }

    mutating func admit(_ member: MemberID, at now: Int64) {
        guard case .leading(var leading) = role, leading.progress[member] == nil else { return }
        leading.progress[member] = Leading.Progress(next: log.last, heard: now)
        role = .leading(leading)
    }

    mutating func acknowledged(
        _ acknowledgement: Acknowledgement, by member: MemberID, at now: Int64, into effects: inout [QuorumEffect]
    ) {
        guard acknowledgement.epoch == promise.epoch else { return }
        let zxid = acknowledgement.zxid
        alter(member) { progress, log in
            progress.heard = now
            progress.note(acknowledgement.rebirth, logEnd: log.last)
            progress.matched = max(progress.matched, zxid)
            progress.underWay.acknowledged(upTo: zxid)
            switch progress.phase {
            case .streaming: break
            case .probing, .snapshotting:
                guard log.contains(zxid) else { return }
                progress.phase = .streaming
                progress.next = zxid
                progress.underWay = SendWindow()
            }
        }
        advanceCommitted(into: &effects)
        settleReborn()
    }

    mutating func rejected(_ rejection: Rejection, by member: MemberID, at now: Int64) {
        guard rejection.epoch == promise.epoch else { return }
        alter(member) { progress, log in
            progress.heard = now
            guard !progress.isSnapshotting else { return }
            progress.probe(from: log.nearest(atMost: rejection.nearestZxid) ?? -1)
        }
    }

    mutating func snapshotProgressed(_ member: MemberID, at now: Int64) {
        alter(member) { progress, _ in
            if progress.isSnapshotting { progress.phase = .snapshotting(since: now) }
        }
    }

    mutating func linkLost(_ member: MemberID, at now: Int64) {
        alter(member) { progress, _ in progress.probe(from: progress.matched) }
        guard member == leader else { return }
        leaderHeard = nil
        electionDeadline = min(electionDeadline, now + random(below: settings.heartbeatInterval.nanoseconds / 2))
    }

    /// What a quorum has is committed, as soon as an entry of this leader's own epoch is among it (Raft, 5.4.2).
    mutating func advanceCommitted(into effects: inout [QuorumEffect]) {
        guard case .leading(let leading) = role else { return }
        let matched = countedMatches(of: leading)
        for zxid in Set(matched.values).sorted(by: >) {
            guard zxid > committed, Epoch.of(zxid: zxid) == leading.epoch else { return }
            if memberships.isQuorum(Set(matched.filter { $0.value >= zxid }.keys)) {
                return commit(upTo: zxid, into: &effects)
            }
        }
    }
}

extension Leading.Progress {
    var isSnapshotting: Bool {
        if case .snapshotting = phase { true } else { false }
    }
}
