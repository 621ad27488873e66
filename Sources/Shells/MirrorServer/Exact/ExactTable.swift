import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring
import Synchronization

/// All partitions of a link that mirrors exactly. Pumps, answers of the target, the gap ledger and the follower of
/// topics meet here. Names are the target's.
final class ExactTable: SharedTable {
    private struct State {
        var entries: [TopicPartition: ExactEntry] = [:]
        /// All partitions, with those who lead them at the source.
        var leaders: [TopicPartition: BrokerID?] = [:]
        /// Those that are brought here; nil for all.
        var owned: Set<TopicPartition>?
        var underWayInBytes = 0
        var bandwidth: Bandwidth
        /// How many claims there have been.
        var claims = 0
        var restarts = 0
        var acknowledgedBytes = 0
        var gapCounts: [MirrorGap.Kind: Int] = [:]
        /// Those whose writers at the source wait for this link.
        var synchronousTopics: Set<String> = []
        /// Those whose writers need this link's word that the home has not moved.
        var leasedTopics: Set<String> = []
        /// Partitions of those of which something was committed at the target that the source was not told.
        var unconfirmed: Set<TopicPartition> = []
        /// How old recovery points may become, by topic, where that was said.
        var recoveryLimits: [String: Duration] = [:]
        private var generations = 0

        init(_ limits: Bandwidth.Limits) { bandwidth = Bandwidth(limits) }

        /// One that no partition had before, also none of the same name.
        mutating func newGeneration() -> Int {
            generations += 1
            return generations
        }

        /// Lets the entries be those that there are and that are brought here.
        /// - Returns: those that are not any more.
        mutating func keepOwned() -> [TopicPartition] {
            let gone = entries.keys.filter { leaders[$0] == nil || !(owned?.contains($0) ?? true) }
            for partition in gone {
                emptyOutbox(of: partition)
                entries[partition] = nil
            }
            for (partition, leader) in leaders where owned?.contains(partition) ?? true {
                if entries[partition] == nil {
                    entries[partition] = ExactEntry(leader: leader, generation: newGeneration())
                } else {
                    entries[partition]?.leader = leader
                }
            }
            return gone
        }

        /// Adds to a claim where a partition is read next, unless it is read in as many places already.
        /// - Returns: whether there was a place.
        mutating func ask(_ partition: TopicPartition, places: Int, for claim: inout Claim) -> Bool {
            guard let entry = entries[partition], let mirror = entry.mirror else { return false }
            if entry.ahead == nil { entries[partition]?.ahead = ReadAhead(at: entry.partition.nextOffset) }
            guard let offset = entries[partition]?.ahead?.ask(upTo: entry.partition.sourceEnd, most: places) else {
                return false
            }
            claim.positions.append((partition, offset))
            claim.offsets[partition] = offset
            claim.mostBytesOf[partition] = entries[partition]?.ahead?.mostBytes(at: offset).map(Int32.init(clamping:))
            claim.topicIDs[partition.topic] = mirror.topicID
            claim.leaderEpochs[partition] = entry.partition.sourceEpoch
            claim.generations[partition] = entry.generation
            entries[partition]?.lastClaim = claims
            return true
        }

        mutating func giveBack(_ partition: TopicPartition, _ offset: Offset, of claim: Claim) {
            guard entries[partition]?.generation == claim.generations[partition] else { return }
            entries[partition]?.ahead?.failed(at: offset)
        }

        /// The target may have committed more of a partition than the source was told.
        mutating func noteCommit(of partition: TopicPartition) {
            guard synchronousTopics.contains(partition.topic), let entry = entries[partition],
                let end = entry.partition.confirmedEnd, end > entry.told
            else { return }
            unconfirmed.insert(partition)
        }

        /// What has not been sent of a partition never will be.
        mutating func emptyOutbox(of partition: TopicPartition) {
            guard let outbox = entries[partition]?.outbox, !outbox.isEmpty else { return }
            underWayInBytes -= outbox.reduce(0) { $0 + $1.sizeInBytes }
            entries[partition]?.outbox = []
        }
    }

    private let state: Mutex<State>
    private let health: LinkHealth
    private let lease: WriteLease
    private let recoveryLimits: RecoveryLimits?
    /// Rung when something has changed that a pump may wait for.
    let changed = Bells()
    /// Rung when other brokers may lead partitions of the link.
    let led = Bells()
    /// Rung when a gap was found, and when one has to be mended by mirroring anew.
    let gaps = Bells()
    /// Rung when the source is to be told what the target has committed.
    let commits = Bells()

    init(
        health: LinkHealth, limits: Bandwidth.Limits = Bandwidth.Limits(), recoveryLimits: RecoveryLimits? = nil,
        lease: WriteLease = WriteLease()
    ) {
        self.recoveryLimits = recoveryLimits
        self.health = health
        self.lease = lease
        state = Mutex(State(limits))
    }

    // MARK: Which partitions

    /// Takes over which partitions there are, who leads them at the source, and of which topics the writers wait for this
    /// link or need its word.
    func follow(
        _ leaders: [TopicPartition: BrokerID?], synchronous topics: Set<String> = [], leased: Set<String> = []
    ) {
        let names = Set(leaders.keys.map(\.topic))
        let limits = names.reduce(into: [String: Duration]()) { $0[$1] = recoveryLimits?.limit(of: $1) }
        let gone = state.withLock { state in
            state.synchronousTopics = topics
            state.leasedTopics = leased
            state.recoveryLimits = limits
            state.bandwidth.keep(names)
            state.leaders = leaders
            return state.keepOwned()
        }
        health.recovered(all: gone)
        led.ring()
        changed.ring()
    }

    var known: Set<TopicPartition> { state.withLock { Set($0.leaders.keys) } }

    func own(_ partitions: Set<TopicPartition>?) {
        let gone = state.withLock { state in
            state.owned = partitions
            for partition in state.entries.keys { state.entries[partition]?.isRetiring = false }
            return state.keepOwned()
        }
        health.recovered(all: gone)
        led.ring()
        changed.ring()
    }

    func retire(_ partitions: Set<TopicPartition>) {
        state.withLock { state in
            for partition in partitions { state.entries[partition]?.isRetiring = true }
        }
    }

    func isQuiet(_ partitions: Set<TopicPartition>) -> Bool {
        state.withLock { state in
            partitions.allSatisfy { state.entries[$0].map { $0.partition.underWayCount == 0 } ?? true }
        }
    }

    func readings() -> [TopicPartition: LoadMeter.Reading] {
        state.withLock { state in
            state.entries.mapValues { entry in
                LoadMeter.Reading(
                    bytes: entry.tally.bytes,
                    lagInBytes: entry.tally.bytes(ofRecords: entry.partition.lag ?? 0) ?? 0)
            }
        }
    }

    /// Begins anew with partitions of a topic that was mirrored anew, or of which an operator has decided.
    func restart(_ topic: String) {
        let partitions = state.withLock { state in
            let partitions = state.entries.filter { $0.key.topic == topic }
            for (partition, entry) in partitions {
                state.emptyOutbox(of: partition)
                state.entries[partition] = ExactEntry(leader: entry.leader, generation: state.newGeneration())
            }
            state.restarts += 1
            return partitions.keys
        }
        health.recovered(all: partitions)
        changed.ring()
    }

    /// How often a topic was begun anew; what was known of the target's topics may be wrong after that.
    var restarts: Int { state.withLock { $0.restarts } }

    var partitions: [TopicPartition] { state.withLock { $0.entries.keys.sorted() } }

    /// Whether partitions are read from a broker of the source, or it may be the one that some without a leader wait for.
    func needs(_ broker: BrokerID) -> Bool {
        state.withLock { state in state.entries.values.contains { $0.leader == broker || $0.leader == nil } }
    }

    /// The source's brokers that lead any partition.
    var leaders: Set<BrokerID> { state.withLock { Set($0.entries.values.compactMap(\.leader)) } }

    // MARK: Locating

    /// Partitions led by `broker` that have to be asked for at both sides; each is given out once until it is
    /// ``located(_:_:_:_:)`` or interrupted.
    func toLocate(_ broker: BrokerID, now: ContinuousClock.Instant) -> [TopicPartition] {
        state.withLock { state in
            let due = state.entries.filter {
                $0.value.leader == broker && $0.value.partition.state == .locating && $0.value.isDue(now)
                    && !$0.value.isRetiring
            }
            for partition in due.keys { state.entries[partition]?.isAsked = true }
            return due.keys.sorted()
        }
    }

    /// For which epoch the source is to be asked; nil when the last batches have to be compared.
    func epochToAsk(_ partition: TopicPartition, end: Offset) -> LeaderEpoch? {
        state.withLock { $0.entries[partition]?.partition.epochToAsk(end: end) }
    }

    func located(
        _ partition: TopicPartition, _ mirror: ExactEntry.Mirror, _ target: ExactPartition.TargetLog,
        _ source: ExactPartition.SourceLog
    ) {
        let hasGap = state.withLock { state in
            guard state.entries[partition]?.partition.state == .locating else { return false }
            state.entries[partition]?.isAsked = false
            state.entries[partition]?.mirror = mirror
            state.entries[partition]?.ahead = nil
            state.entries[partition]?.backoff.retryNow()
            state.entries[partition]?.partition.located(target, source)
            if state.entries[partition]?.partition.state == .locating {
                // What is to be compared is not committed yet.
                state.entries[partition]?.backoff.failed(.now)
            }
            state.noteCommit(of: partition)
            guard case .found = state.entries[partition]?.partition.state else { return false }
            return true
        }
        if hasGap { gaps.ring() }
        commits.ring()
    }

    /// It could not be found out where the partition stands.
    func postpone(_ partition: TopicPartition, reason: String) {
        guard let generation = state.withLock({ $0.entries[partition]?.generation }) else { return }
        interrupt(partition, generation: generation, reason: reason)
    }

    // MARK: Reading

    /// Where a lane of a pump reads from `broker` next: all that is idle, as far as nobody else waits for it, and a share
    /// of what lies behind. A few partitions that lie behind are read in several places at once.
    func claim(_ broker: BrokerID, lanes: Int, now: ContinuousClock.Instant) -> Claim {
        state.withLock { state in
            var share = LaneShare()
            var behind: [ReadingOrder.Candidate] = []
            let hasLimits = !state.recoveryLimits.isEmpty
            for (partition, entry) in state.entries
            where entry.leader == broker && entry.partition.state == .copying && entry.backoff.isDue(now)
                && !entry.isRetiring && state.bandwidth.isOpen(partition.topic, at: now)
            {
                if entry.partition.nextOffset < entry.partition.sourceEnd {
                    let nearness =
                        hasLimits
                        ? RecoveryLimits.nearness(
                            of: entry.age(at: now), to: state.recoveryLimits[partition.topic]) : 0
                    behind.append(.init(partition, lastClaim: entry.lastClaim, nearness: nearness))
                } else {
                    share.idle.append(partition)
                }
            }
            state.claims += 1
            var claim = Claim()
            claim.mostBytes = state.bandwidth.portion
            claim.mostBytesOfPartition = state.bandwidth.portionOfPartition
            share.behind = ReadingOrder.order(behind, for: state.claims).enumerated().map { ($0.offset, $0.element) }
            share.ask(lanes: lanes) { state.ask($0, places: $1, for: &claim) }
            return claim
        }
    }

    /// Nothing came of a claim: others may read there.
    func giveBack(_ claim: Claim) {
        state.withLock { state in
            for (partition, offset) in claim.offsets { state.giveBack(partition, offset, of: claim) }
        }
        changed.ring()
    }

    var underWayInBytes: Int { state.withLock { $0.underWayInBytes } }

    /// Takes the answers to what was claimed; what was interrupted meanwhile is left out.
    /// - Returns: partitions that have something to send: see ``toSend(_:)``.
    func take(_ answers: [RawFetch.Partition], of claim: Claim) -> [TopicPartition] {
        var filled: [TopicPartition] = []
        var faults: [(partition: TopicPartition, reason: String)] = []
        var recovered: [TopicPartition] = []
        var hasGap = false
        var silent = claim.offsets
        state.withLock { state in
            for answer in answers {
                let partition = answer.partition
                silent[partition] = nil
                // Also what is of no use any more has come all the way.
                state.bandwidth.count(answer.records.readableBytes, of: partition.topic, at: .now)
                guard var entry = state.entries[partition], entry.partition.state == .copying,
                    entry.generation == claim.generations[partition], let offset = claim.offsets[partition],
                    !entry.isRetiring
                else { continue }
                guard answer.error == .none else {
                    faults.append((partition, "reading: \(answer.error)"))
                    continue
                }
                state.entries[partition] = nil
                entry.recoveryPoint.source(endsAt: answer.highWatermark, .now)
                do throws(ExactPartition.Unmirrorable) {
                    let appends = try entry.take(answer, at: offset)
                    state.underWayInBytes += appends.reduce(0) { $0 + $1.sizeInBytes }
                    entry.outbox += appends
                    entry.recoveryPoint.mirror(endsAt: entry.partition.acknowledgedEnd)
                    if !appends.isEmpty {
                        filled.append(partition)
                    } else if entry.isTroubled, entry.partition.underWayCount == 0 {
                        entry.isTroubled = false
                        recovered.append(partition)
                    }
                } catch {
                    faults.append((partition, "\(error)"))
                }
                if case .found = entry.partition.state { hasGap = true }
                state.entries[partition] = entry
            }
            for (partition, offset) in silent { state.giveBack(partition, offset, of: claim) }
        }
        for fault in faults {
            interrupt(fault.partition, generation: claim.generations[fault.partition] ?? -1, reason: fault.reason)
        }
        health.recovered(all: recovered)
        if hasGap { gaps.ring() }
        changed.ring()
        return filled
    }

    /// What is to be sent of partitions of which nobody else sends. Who sends it says so by ``sent(_:)`` when it is on its
    /// way, and looks here again.
    func toSend(_ partitions: [TopicPartition]) -> [Outgoing] {
        guard lease.isHeld else { return [] }
        return state.withLock { state in
            var outgoing: [Outgoing] = []
            for partition in partitions {
                guard let entry = state.entries[partition], !entry.isSending, !entry.outbox.isEmpty,
                    let mirror = entry.mirror
                else { continue }
                outgoing += entry.outbox.map {
                    Outgoing(partition: partition, mirror: mirror, generation: entry.generation, append: $0)
                }
                state.entries[partition]?.outbox = []
                state.entries[partition]?.isSending = true
            }
            return outgoing
        }
    }

    func sent(_ outgoing: [Outgoing]) {
        state.withLock { state in
            for one in outgoing { state.entries[one.partition]?.isSending = false }
        }
    }

    /// Appends without records that let logs of partitions led by `broker` begin where the source's do.
    func preparations(_ broker: BrokerID, now: ContinuousClock.Instant) -> [Outgoing] {
        guard lease.isHeld else { return [] }
        return state.withLock { state in
            var outgoing: [Outgoing] = []
            for partition in state.entries.lazy.filter({ !$0.value.partition.isPrepared }).map(\.key).sorted() {
                guard var entry = state.entries[partition], entry.leader == broker, entry.isDue(now), !entry.isRetiring,
                    let mirror = entry.mirror, let append = entry.partition.preparation()
                else { continue }
                outgoing.append(
                    Outgoing(partition: partition, mirror: mirror, generation: entry.generation, append: append))
                // Deleting waits for the target's high watermark: it may take several.
                entry.backoff.failed(now)
                state.entries[partition] = entry
            }
            return outgoing
        }
    }

    // MARK: Answers of the target

    /// The target has taken what was sent first of those under way for the partition.
    func acknowledged(
        _ partition: TopicPartition, generation: Int, _ told: ExactPartition.Told, _ load: CopyLoad = CopyLoad()
    ) {
        let (isRecovered, isOdd, hasUnconfirmed) = state.withLock { state in
            guard var entry = state.entries[partition], entry.generation == generation else {
                return (false, false, false)
            }
            let isSound = entry.partition.acknowledge(told)
            if isSound {
                entry.recoveryPoint.mirror(endsAt: entry.partition.acknowledgedEnd)
                entry.tally.took(load, .now, unixMilliseconds: WallClock.unixMilliseconds())
            }
            let wasTroubled = entry.isTroubled
            if isSound, entry.partition.state == .copying {
                entry.backoff.succeeded()
                entry.isTroubled = false
            } else if isSound, entry.partition.state == .beginning {
                entry.backoff.retryNow()
            }
            state.entries[partition] = entry
            state.noteCommit(of: partition)
            return (wasTroubled && !entry.isTroubled, !isSound, !state.unconfirmed.isEmpty)
        }
        if isRecovered { health.recovered(all: [partition]) }
        if hasUnconfirmed { commits.ring() }
        if isOdd {
            interrupt(partition, generation: generation, reason: "the target's log ends at \(told.end) unexpectedly")
        }
    }

    /// Bytes have left the mirror, one way or the other. Pumps hear of it when what is under way falls below `bound`.
    /// - Parameter areTaken: whether the target has them.
    func release(bytes: Int, areTaken: Bool = false, bound: Int = 0) {
        let isRoom = state.withLock { state in
            let before = state.underWayInBytes
            state.underWayInBytes -= bytes
            if areTaken { state.acknowledgedBytes += bytes }
            return before >= bound && state.underWayInBytes < bound
        }
        if isRoom { changed.ring() }
    }

    func interrupt(_ partition: TopicPartition, generation: Int, reason: String) {
        let isNew = state.withLock { state in
            guard state.entries[partition]?.generation == generation else { return false }
            state.emptyOutbox(of: partition)
            state.entries[partition]?.isAsked = false
            let next = state.newGeneration()
            state.entries[partition]?.interrupt(now: .now, generation: next)
            return true
        }
        if isNew { health.failed(partition, reason) }
    }

    // MARK: Confirming

    /// Topics of which partitions led by `broker` are leased, with their home epochs as they are mirrored.
    func leased(from broker: BrokerID) -> [String: Int32] {
        state.withLock { state in
            guard !state.leasedTopics.isEmpty else { return [:] }
            var epochs: [String: Int32] = [:]
            for (partition, entry) in state.entries where entry.leader == broker {
                guard state.leasedTopics.contains(partition.topic), let mirror = entry.mirror else { continue }
                epochs[partition.topic] = mirror.homeEpoch
            }
            return epochs
        }
    }

    /// What a broker of the source is to be told of partitions that it leads, in order.
    /// - Parameter includesKnown: whether also what it was told already, for it may have lost that, and what is leased.
    func confirmations(for broker: BrokerID, includesKnown: Bool) -> [Confirmation] {
        state.withLock { state in
            let topics = state.synchronousTopics.union(state.leasedTopics)
            guard !topics.isEmpty else {
                state.unconfirmed = []
                return []
            }
            if includesKnown {
                for partition in state.entries.keys where topics.contains(partition.topic) {
                    state.unconfirmed.insert(partition)
                }
            }
            var confirmations: [Confirmation] = []
            for partition in state.unconfirmed {
                guard let entry = state.entries[partition], entry.leader == broker else { continue }
                state.unconfirmed.remove(partition)
                let end = entry.partition.confirmedEnd ?? -1
                guard let mirror = entry.mirror, end >= 0 || state.leasedTopics.contains(partition.topic) else {
                    continue
                }
                state.entries[partition]?.told = end
                confirmations.append(
                    Confirmation(
                        partition: partition, mirror: mirror, leaderEpoch: entry.partition.sourceEpoch, end: end,
                        generation: entry.generation))
            }
            return confirmations.sorted { $0.partition < $1.partition }
        }
    }

    /// What the source's leader said to a confirmation.
    func told(_ confirmation: Confirmation, _ synchrony: Synchrony) {
        state.withLock { state in
            guard state.entries[confirmation.partition]?.generation == confirmation.generation else { return }
            state.entries[confirmation.partition]?.synchrony = synchrony
        }
    }

    /// Partitions led by `broker` of which the target was not done committing when it answered last.
    func awaitingCommit(for broker: BrokerID) -> [Acknowledged] {
        acknowledged { $0.leader == broker && $0.partition.awaitsCommit }
    }

    /// Partitions of which nothing is on its way to the target, with what it has acknowledged of them. Somebody may delete
    /// a mirror topic, which is then made again, or its logs may lose their ends: while the source has nothing more to copy,
    /// nothing but a question shows it.
    func standingStill() -> [Acknowledged] {
        acknowledged {
            $0.partition.state == .copying && $0.partition.underWayCount == 0 && $0.partition.acknowledgedEnd > 0
        }
    }

    private func acknowledged(where isAskedFor: (ExactEntry) -> Bool) -> [Acknowledged] {
        state.withLock { state in
            state.entries.filter { isAskedFor($0.value) }.map { partition, entry in
                Acknowledged(
                    partition: partition, generation: entry.generation, end: entry.partition.acknowledgedEnd)
            }
            .sorted { $0.partition < $1.partition }
        }
    }

    /// How the target stands that was asked.
    func stands(_ awaited: Acknowledged, _ told: ExactPartition.Told) {
        let isSound = state.withLock { state in
            guard state.entries[awaited.partition]?.generation == awaited.generation else { return true }
            defer { state.noteCommit(of: awaited.partition) }
            return state.entries[awaited.partition]?.partition.stands(told, askedAt: awaited.end) ?? true
        }
        guard !isSound else { return }
        interrupt(
            awaited.partition, generation: awaited.generation,
            reason: "the target's log ends at \(told.end) and has lost what it had up to \(awaited.end)")
    }

    // MARK: Gaps

    /// Gaps that are not in the ledger yet, in order.
    func foundGaps() -> [(partition: TopicPartition, gap: MirrorGap)] {
        state.withLock { state in
            state.entries.compactMap { partition, entry in
                guard case .found(let gap) = entry.partition.state else { return nil }
                return (partition, gap)
            }
            .sorted { $0.0 < $1.0 }
        }
    }

    /// A gap is in the ledger now; nil when it is of no interest any more.
    func recorded(_ partition: TopicPartition, _ gap: MirrorGap, under policy: GapPolicy) -> MirrorGap.Remedy? {
        let remedy: MirrorGap.Remedy? = state.withLock { state in
            guard state.entries[partition]?.partition.state == .found(gap) else { return nil }
            state.entries[partition]?.backoff.retryNow()
            state.gapCounts[gap.kind, default: 0] += 1
            return state.entries[partition]?.partition.recorded(under: policy)
        }
        changed.ring()
        return remedy
    }

    // MARK: Figures

    /// How all stands at one moment, for monitoring.
    func figures() -> CopyFigures {
        state.withLock { state in
            CopyFigures(
                partitions: state.entries.map { partition, entry in
                    CopyFigures.Partition(
                        partition: partition, remote: partition, state: entry.partition.state.name,
                        cause: entry.partition.state.gap?.description, end: entry.partition.acknowledgedEnd,
                        lag: entry.partition.lag, recoveryPoint: entry.recoveryPoint,
                        recoveryLimit: state.recoveryLimits[partition.topic], tally: entry.tally,
                        synchrony: state.synchronousTopics.contains(partition.topic) ? entry.synchrony : nil)
                }
                .sorted { $0.partition < $1.partition },
                acknowledgedBytes: state.acknowledgedBytes, underWayInBytes: state.underWayInBytes,
                gapCounts: state.gapCounts)
        }
    }

    /// Topics of which a partition can only be mended by mirroring the topic anew, in order.
    func topicsToMirrorAnew() -> [String] {
        state.withLock { state in
            var topics: Set<String> = []
            for (partition, entry) in state.entries {
                if case .remaking = entry.partition.state { topics.insert(partition.topic) }
            }
            return topics.sorted()
        }
    }
}
