import NIOCore
import Quorum
import Seams

/// An ensemble of quorum members that lives through whatever a seed holds for it: members end, lose power or their
/// disk and come back, links are cut or lose, repeat and reorder what they carry, disks are slow and fail, calendars
/// are set, the ensemble is changed. At the end everything is mended, and it has to find together again.
///
/// What must hold is checked by a ``QuorumOracle`` at every step.
package struct QuorumRun {
    enum Item {
        case message(QuorumMessage, from: Int, to: Int, SimulatedNetwork.Passage)
        case snapshot(PrefixState, epoch: Int32, from: Int, to: Int, SimulatedNetwork.Passage)
        case linkLost(Int, of: Int)
        case tick(Int, life: Int)
        case synced(Int, log: LogLife, changes: Int, upTo: Int64, truncationCount: Int)
        case start(Int)
        case opens(Int, life: Int, epoch: Int32)
        case proposal
        case fault
        case diskLost(Int)
    }

    /// Bugs that a run can have planted in the members' shell, to show that the oracle sees them.
    package enum PlantedBug: Sendable, CaseIterable {
        case saysDurableTooEarly
        case forgetsPromise
        case sendsUncommittedState
        case losesSyncedEntries
    }

    /// Members there may ever be.
    static let memberCount = 7

    let seed: UInt64
    let settings: QuorumSettings
    let bug: PlantedBug?
    var random: SeededRandom
    var agenda = Agenda<Item>()
    var network = SimulatedNetwork(memberCount: memberCount)
    var members: [SimulatedMember] = []
    var oracle = QuorumOracle()
    var now: Int64 = 0
    /// Whether faults have ended.
    var isCalm = false
    /// The members at the beginning.
    let founding: Membership
    var proposalCount: Int64 = 0
    private var effects: [QuorumEffect] = []
    var trace: Trace?
    package private(set) var stepCount = 0

    /// Runs the whole. The same seed does the same in every process.
    ///
    /// - Parameters:
    ///   - memberCount: how many voters there are at the beginning.
    ///   - duration: of the faults.
    ///   - traces: whether to keep the last steps for ``traceLines``, which takes time.
    package init(
        seed: UInt64, memberCount: Int? = nil, duration: Duration = .seconds(8), bug: PlantedBug? = nil,
        traces: Bool = false
    ) {
        self.seed = seed
        self.bug = bug
        random = SeededRandom(seed: seed)
        var settings = QuorumSettings()
        // Little, so that members often need a snapshot, several messages, and a window that opens again.
        settings.recentLogSizeInBytes = 72 * random.within(5...200)
        settings.largestAppendInBytes = 72 * random.within(1...8)
        settings.largestWindowInBytes = 72 * random.within(1...20)
        self.settings = settings
        let isSmall = random.happens(1, in: 2)
        let count = memberCount ?? (isSmall ? 3 : 5)
        let founding = Membership((1...count).map { Membership.Member(id: MemberID(Int64($0))) })
        self.founding = founding
        if traces { trace = Trace() }
        for number in 1...Self.memberCount {
            members.append(SimulatedMember(MemberID(Int64(number)), founding))
            members[number - 1].clock.perMille = random.within(950...1050)
        }
        for member in 0..<count { start(member) }
        agenda.plan(.proposal, at: 500_000_000)
        agenda.plan(.fault, at: 500_000_000)
        let end = duration.nanoseconds
        while oracle.violations.isEmpty, now < end { stepOnce() }
        calm()
        settle()
    }

    package var violations: [String] { oracle.violations }
    package var committedCount: Int { oracle.committed.count }
    package var digest: UInt64 { oracle.digest.value }
    /// What happened last, oldest first.
    package var traceLines: [String] { trace?.lines ?? [] }

    // MARK: - The passing of time

    mutating func stepOnce() {
        guard let (time, item) = agenda.next() else { preconditionFailure("nothing is to happen any more") }
        now = max(now, time)
        stepCount += 1
        if let paused = receiver(of: item), members[paused].pausedUntil > now {
            return agenda.plan(item, at: members[paused].pausedUntil)
        }
        switch item {
        case .message(let message, let sender, let receiver, let passage):
            guard network.isOpen(passage) else { return }
            step(receiver, .received(message, from: members[sender].id))
        case .snapshot(let state, let epoch, let sender, let receiver, let passage):
            guard network.isOpen(passage) else { return }
            install(state, epoch: epoch, from: sender, at: receiver)
        case .linkLost(let other, let member): step(member, .linkLost(members[other].id))
        case .tick(let member, let life):
            guard members[member].life == life else { return }
            step(member, .ticked)
            planTick(member)
        case .synced(let member, let life, let changes, let zxid, let truncationCount):
            guard members[member].logLife == life else { return }
            endSync(member, changes: changes, upTo: zxid, truncationCount: truncationCount)
        case .start(let member): start(member)
        case .opens(let member, let life, let epoch):
            guard members[member].life == life, members[member].role == .leading(epoch: epoch) else { return }
            propose([QuorumEntry(zxid: Epoch.opening(epoch), record: nextRecord())], at: member)
        case .proposal:
            proposeEverywhere()
            agenda.plan(.proposal, at: now + Duration.milliseconds(random.within(10...120)).nanoseconds)
        case .fault:
            guard !isCalm else { return }
            fault()
            agenda.plan(.fault, at: now + Duration.milliseconds(random.within(20...600)).nanoseconds)
        case .diskLost(let member):
            if !isCalm { loseDisk(member, until: .milliseconds(random.within(1...20))) }
        }
    }

    /// Whose process has to run for this to happen.
    private func receiver(of item: Item) -> Int? {
        switch item {
        case .message(_, _, let member, _), .snapshot(_, _, _, let member, _), .linkLost(_, let member),
            .tick(let member, _), .opens(let member, _, _), .synced(let member, _, _, _, _):
            member
        case .start, .proposal, .fault, .diskLost: nil
        }
    }

    private mutating func planTick(_ member: Int) {
        let interval = settings.heartbeatInterval.nanoseconds / 2
        agenda.plan(
            .tick(member, life: members[member].life), at: now + interval * Int64(random.within(80...100)) / 100)
    }

    // MARK: - Members

    mutating func start(_ member: Int) {
        guard members[member].core == nil else { return }
        trace?.note(now, "\(member + 1) starts, log ends at \(zxid: members[member].disk.live.last)")
        members[member].start(settings, seed: seed &+ UInt64(members[member].life), at: now)
        planTick(member)
    }

    /// Ends a process; others see their connections with it end, sooner or later.
    mutating func end(_ member: Int, losesPower: Bool) {
        guard members[member].core != nil else { return }
        trace?.note(now, "\(member + 1) ends\(losesPower ? ", power and all" : "")")
        members[member].end(losesPower: losesPower, &random)
        if bug == .losesSyncedEntries, random.happens(1, in: 3) { members[member].disk.loseTail() }
        for other in members.indices where other != member {
            network.reset(from: member, to: other)
            network.reset(from: other, to: member)
            if random.happens(1, in: 2) { planLinkLoss(other, of: member) }
        }
    }

    /// Lets a member handle an event, and performs what it wants.
    mutating func step(_ member: Int, _ event: QuorumEvent) {
        guard var core = members[member].core else { return }
        // Out of the list, so that stepping does not copy what it holds.
        members[member].core = nil
        trace?.note(now, "\(member + 1) ← \(event.inShort)")
        let instant = members[member].clock.instant(at: now)
        effects.removeAll(keepingCapacity: true)
        core.step(event, at: instant, into: &effects)
        core.step(.flushed, at: instant, into: &effects)
        members[member].core = core
        let life = members[member].life
        let due = effects
        for effect in due {
            perform(effect, of: member)
            // A process may end anywhere in between.
            if !isCalm, random.happens(1, in: 20_000) { end(member, losesPower: random.happens(1, in: 2)) }
            guard members[member].life == life else {
                agenda.plan(.start(member), at: now + 300_000_000)
                return
            }
        }
        if !members[member].isSyncing { beginSync(member) }
    }

    private mutating func perform(_ effect: QuorumEffect, of member: Int) {
        let id = members[member].id
        trace?.note(now, "    \(member + 1) → \(effect.inShort)")
        switch effect {
        case .promise(let promise):
            if bug == .forgetsPromise, random.happens(1, in: 2) { return }
            members[member].disk.write(promise)
        case .append(let entries):
            oracle.member(id, appends: entries, after: members[member].disk.live.last)
            members[member].disk.make(.append(entries))
            if bug == .saysDurableTooEarly, let last = entries.last {
                agenda.plan(
                    .synced(
                        member, log: members[member].logLife, changes: 0, upTo: last.zxid,
                        truncationCount: members[member].truncationCount), at: now)
            }
        case .truncate(let zxid):
            oracle.member(
                id, truncates: zxid, committed: members[member].applied, log: members[member].disk.live)
            members[member].disk.make(.truncate(after: zxid))
            members[member].truncationCount += 1
        case .send(let message, let receiver):
            send(message, from: member, to: Int(receiver.number) - 1)
            if message.isVote, random.happens(1, in: 12) { forgetVote(of: member, for: Int(receiver.number) - 1) }
        case .sendSnapshot(let receiver): sendSnapshot(from: member, to: Int(receiver.number) - 1)
        case .commit(let zxid):
            members[member].applied = oracle.member(
                id, leading: members[member].leading, commits: zxid, from: members[member].applied,
                log: members[member].disk.live)
        case .becomeLooking: members[member].role = .looking
        case .follow(let leader, let epoch):
            members[member].role = .following(leader, epoch: epoch)
            oracle.member(id, follows: leader, epoch: epoch)
        case .lead(let epoch):
            members[member].role = .leading(epoch: epoch)
            oracle.member(id, leads: epoch, with: members[member].disk.live)
            let delay = Duration.microseconds(random.within(0...3000)).nanoseconds
            agenda.plan(.opens(member, life: members[member].life, epoch: epoch), at: now + delay)
        // Something is proposed all the time.
        case .adopt, .confirmed, .mark, .report: break
        }
    }

    // MARK: - Disks

    private mutating func beginSync(_ member: Int) {
        let changes = members[member].disk.unsynced.count
        guard changes > 0 else { return }
        members[member].isSyncing = true
        let longest = members[member].longestSync ?? .milliseconds(4)
        agenda.plan(
            .synced(
                member, log: members[member].logLife, changes: changes, upTo: members[member].disk.live.last,
                truncationCount: members[member].truncationCount),
            at: now + Int64(random.below(Int(longest.nanoseconds))))
    }

    private mutating func endSync(_ member: Int, changes: Int, upTo zxid: Int64, truncationCount: Int) {
        guard members[member].longestSync != nil else {
            end(member, losesPower: true)
            agenda.plan(.start(member), at: now + 500_000_000)
            return
        }
        members[member].disk.synchronize(min(changes, members[member].disk.unsynced.count))
        if changes > 0 { members[member].isSyncing = false }
        step(member, .persisted(upTo: zxid, truncationCount: truncationCount))
    }

    // MARK: - Messages

    private mutating func send(_ message: QuorumMessage, from sender: Int, to receiver: Int) {
        let (passage, outcome) = network.send(
            from: sender, to: receiver, isSmall: message.isSmall, at: now, &random)
        switch outcome {
        case .lost: if random.happens(1, in: 4) { planLinkLoss(sender, of: receiver) }
        case .arriving(let time, let again):
            agenda.plan(.message(message, from: sender, to: receiver, passage), at: time)
            if let again { agenda.plan(.message(message, from: sender, to: receiver, passage), at: again) }
        }
    }

    private mutating func sendSnapshot(from sender: Int, to receiver: Int) {
        guard case .leading(let epoch) = members[sender].role else { return }
        var state = members[sender].applied
        if bug == .sendsUncommittedState, let last = members[sender].disk.live.entries.last {
            let ahead = members[sender].disk.live.entries.count - members[sender].disk.live.count(upTo: state.zxid)
            state = PrefixState(zxid: last.zxid, count: state.count + ahead, membership: state.membership)
        }
        oracle.member(members[sender].id, sends: state)
        let (passage, outcome) = network.send(from: sender, to: receiver, isSmall: false, at: now, &random)
        if case .arriving(let time, let again) = outcome {
            let item = Item.snapshot(state, epoch: epoch, from: sender, to: receiver, passage)
            agenda.plan(item, at: time + Duration.milliseconds(random.below(50)).nanoseconds)
            if let again { agenda.plan(item, at: again) }
        }
    }

    private mutating func install(_ state: PrefixState, epoch: Int32, from sender: Int, at receiver: Int) {
        let leader = members[sender].id
        guard let core = members[receiver].core, core.needsSnapshot(upTo: state.zxid, from: leader, epoch: epoch) else {
            return
        }
        trace?.note(now, "\(receiver + 1) installs \(zxid: state.zxid) of \(sender + 1)")
        members[receiver].disk.replace(by: state)
        members[receiver].applied = state
        members[receiver].truncationCount += 1
        members[receiver].installCount += 1
        members[receiver].isSyncing = false
        step(receiver, .snapshotInstalled(zxid: state.zxid, state.membership))
    }

    mutating func planLinkLoss(_ member: Int, of other: Int) {
        agenda.plan(.linkLost(other, of: member), at: now + Duration.milliseconds(random.below(100)).nanoseconds)
    }

    // MARK: - Changes

    mutating func nextRecord() -> ByteBuffer {
        proposalCount += 1
        return ByteBuffer(integer: proposalCount)
    }

    private mutating func proposeEverywhere() {
        for member in members.indices where members[member].pausedUntil <= now {
            guard case .leading(let epoch) = members[member].role else { continue }
            let last = members[member].disk.live.last
            // The epoch is opened first.
            guard Epoch.of(zxid: last) == epoch else { continue }
            let entries = (1...Int64(random.within(1...6))).map {
                QuorumEntry(zxid: last + $0, record: nextRecord())
            }
            propose(entries, at: member)
        }
    }

    mutating func propose(_ entries: [QuorumEntry], at member: Int) {
        step(member, .proposed(entries))
    }
}

extension QuorumMessage {
    fileprivate var isVote: Bool {
        if case .voteAnswered(let answer) = self { answer.isGranted && !answer.isPreliminary } else { false }
    }
}
