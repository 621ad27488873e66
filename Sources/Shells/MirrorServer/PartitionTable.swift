import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records
import Synchronization

/// All partitions of one link. Pumps, answers of the target, and the writers of positions and checkpoints meet here.
final class PartitionTable: SharedTable, GapTable {
    /// Where one lane of a pump reads: nobody else reads there until it was taken or given back.
    struct Claim: Sendable {
        var positions: [(partition: TopicPartition, offset: Offset)] = []
        var offsets: [TopicPartition: Offset] = [:]
        var generations: [TopicPartition: Int] = [:]
        /// Where another lane reads on behind: what had better be brought at most, in bytes.
        var mostBytesOf: [TopicPartition: Int32] = [:]
    }

    /// What one partition has to send.
    struct Outgoing: Sendable {
        var source: TopicPartition
        var remote: TopicPartition
        var generation: Int
        var batches: [OutgoingBatch]
    }

    /// What was found out of both sides of a partition.
    struct Located: Sendable {
        var target: PartitionCopy.TargetEnd
        var source: ClosedRange<Offset>
        /// Of the source's topic; zero where its brokers do not tell it.
        var topicID = KafkaUUID.zero
        var spareProducer: SpareProducer
    }

    /// Where a partition goes, and who leads it at the source.
    struct Place: Sendable {
        var remote: TopicPartition
        var leader: BrokerID?
        /// Of the source's topic; zero where its brokers do not tell it.
        var topicID = KafkaUUID.zero
    }

    private struct State {
        var entries: [TopicPartition: CopyEntry] = [:]
        var places: [TopicPartition: Place] = [:]
        /// Those that are copied here; nil for all.
        var owned: Set<TopicPartition>?
        /// What was written down of partitions before they were copied here, by remote name.
        var remembered: [TopicPartition: WrittenPosition] = [:]
        var gapCounts: [MirrorGap.Kind: Int] = [:]
        var underWayInBytes = 0
        var acknowledgedBytes = 0
        /// How many claims there have been.
        var claims = 0
        /// Another one for each entry and interruption, so that no answer is taken for one to something else.
        var generations = 0

        /// Lets the entries be those that there are and that are copied here.
        mutating func keepOwned() {
            for gone in entries.keys where places[gone] == nil || !(owned?.contains(gone) ?? true) {
                emptyOutbox(of: gone)
                entries[gone] = nil
            }
            for (partition, place) in places where owned?.contains(partition) ?? true {
                if entries[partition] == nil {
                    generations += 1
                    entries[partition] = CopyEntry(
                        remote: place.remote, stored: remembered[place.remote], leader: place.leader,
                        generation: generations)
                } else {
                    entries[partition]?.leader = place.leader
                }
            }
        }

        /// Adds to a claim where a partition is read next.
        /// - Returns: whether there was a place that nobody reads.
        mutating func ask(_ partition: TopicPartition, places: Int, for claim: inout Claim) -> Bool {
            guard let offset = entries[partition]?.ask(places: places) else { return false }
            claim.positions.append((partition, offset))
            claim.offsets[partition] = offset
            claim.mostBytesOf[partition] = entries[partition]?.ahead?.mostBytes(at: offset).map(Int32.init(clamping:))
            claim.generations[partition] = entries[partition]?.generation
            entries[partition]?.lastClaim = claims
            return true
        }

        mutating func giveBack(_ partition: TopicPartition, _ offset: Offset, of claim: Claim) {
            guard entries[partition]?.generation == claim.generations[partition] else { return }
            entries[partition]?.ahead?.failed(at: offset)
        }

        /// What has not been sent of a partition never will be.
        mutating func emptyOutbox(of partition: TopicPartition) {
            guard let outbox = entries[partition]?.outbox, !outbox.isEmpty else { return }
            underWayInBytes -= outbox.reduce(0) { $0 + $1.bytes.readableBytes }
            entries[partition]?.outbox = []
        }
    }

    private let state = Mutex(State())
    /// For what people are told.
    private let plan: TopicPlan
    private let health: LinkHealth
    private let lease: WriteLease
    /// Rung when something has changed that a pump may wait for.
    let changed = Bells()
    /// Rung when other brokers may lead partitions of the link.
    let led = Bells()
    let gaps = Bells()
    /// Rung when the last answer under way has come.
    let idle = Bell()

    init(plan: TopicPlan, health: LinkHealth, lease: WriteLease = WriteLease()) {
        self.plan = plan
        self.health = health
        self.lease = lease
    }

    // MARK: Which partitions

    /// Takes over which partitions there are and who leads them, by their names at the source.
    func follow(_ places: [TopicPartition: Place]) {
        let recreated = state.withLock { state in
            state.places = places
            state.keepOwned()
            return state.entries.filter { partition, entry in
                entry.copy.state == .copying && entry.copy.isOfAnother(than: places[partition]?.topicID ?? .zero)
            }
            .mapValues(\.generation)
        }
        for (partition, generation) in recreated.sorted(by: { $0.key < $1.key }) {
            interrupt(partition, generation: generation, code: nil, reason: "the source's topic was made anew")
        }
        tellBlocked()
        led.ring()
        changed.ring()
    }

    /// Takes over what was written down, for partitions that are not copied here yet.
    func remember(_ positions: [TopicPartition: WrittenPosition]) {
        state.withLock { $0.remembered = positions }
    }

    /// Takes over what was written down of partitions since, which are not copied here yet.
    func learn(_ positions: [TopicPartition: WrittenPosition]) {
        state.withLock { $0.remembered.merge(positions) { $1 } }
    }

    /// A topic of the target was made: nothing is copied to it yet.
    func forget(_ remote: String) {
        state.withLock { state in
            state.remembered = state.remembered.filter { $0.key.topic != remote }
            for (partition, entry) in state.entries where entry.remote.topic == remote {
                state.emptyOutbox(of: partition)
                state.entries[partition] = nil
            }
        }
    }

    var known: Set<TopicPartition> { state.withLock { Set($0.places.keys) } }

    func own(_ partitions: Set<TopicPartition>?) {
        state.withLock { state in
            state.owned = partitions
            for partition in state.entries.keys { state.entries[partition]?.isRetiring = false }
            state.keepOwned()
        }
        led.ring()
        changed.ring()
    }

    func retire(_ partitions: Set<TopicPartition>) {
        state.withLock { state in
            for partition in partitions { state.entries[partition]?.isRetiring = true }
        }
    }

    func isQuiet(_ partitions: Set<TopicPartition>) -> Bool {
        state.withLock { state in partitions.allSatisfy { state.entries[$0]?.copy.isQuiet ?? true } }
    }

    func readings() -> [TopicPartition: LoadMeter.Reading] {
        state.withLock { state in
            state.entries.mapValues { entry in
                LoadMeter.Reading(
                    bytes: entry.tally.bytes, lagInBytes: entry.tally.bytes(ofRecords: entry.lag ?? 0) ?? 0)
            }
        }
    }

    var partitionCount: Int { state.withLock { $0.entries.count } }

    /// The source's brokers that lead any partition.
    var leaders: Set<BrokerID> { state.withLock { Set($0.entries.values.compactMap(\.leader)) } }

    // MARK: Pumps

    /// The partitions led by `broker` of which it is not known where the target stands, with their remote names; each is
    /// given out once until it is ``located(_:)`` or interrupted.
    func toLocate(_ broker: BrokerID, now: ContinuousClock.Instant) -> [(
        source: TopicPartition, remote: TopicPartition
    )] {
        state.withLock { state in
            let due = state.entries.filter {
                $0.value.leader == broker && $0.value.copy.state == .locating && $0.value.isDue(now)
                    && !$0.value.isRetiring
            }
            for partition in due.keys { state.entries[partition]?.isAsked = true }
            return due.map { ($0.key, $0.value.remote) }.sorted { $0.0 < $1.0 }
        }
    }

    /// Where a lane of a pump reads from `broker` next: all that is idle, as far as nobody else waits for it, and a share
    /// of what lies behind. A few partitions that lie behind are read in several places at once.
    func claim(_ broker: BrokerID, lanes: Int, now: ContinuousClock.Instant) -> Claim {
        state.withLock { state in
            var share = LaneShare()
            for (partition, entry) in state.entries
            where entry.leader == broker && entry.copy.isRead && entry.isDue(now) && !entry.isRetiring {
                if entry.copy.nextOffset < entry.sourceEnd {
                    share.behind.append((entry.lastClaim, partition))
                } else {
                    share.idle.append(partition)
                }
            }
            state.claims += 1
            var claim = Claim()
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

    /// Whether the target has refused what went on under the producer that it told.
    func needsNewProducer(_ partition: TopicPartition) -> Bool {
        state.withLock { ($0.entries[partition]?.sequenceRefusals ?? 0) > 1 }
    }

    func located(_ found: [TopicPartition: Located]) {
        state.withLock { state in
            for (partition, place) in found {
                guard state.entries[partition]?.copy.state == .locating else { continue }
                state.entries[partition]?.isAsked = false
                state.entries[partition]?.ahead = nil
                state.entries[partition]?.spareProducer = place.spareProducer
                state.entries[partition]?.backoff.retryNow()
                state.entries[partition]?.copy.targetStands(
                    at: place.target, source: place.source, id: place.topicID)
            }
        }
        tellStops()
    }

    /// Says which partitions are not copied and have to be looked after.
    private func tellStops() {
        if state.withLock({ $0.entries.values.contains { if case .found = $0.copy.state { true } else { false } } }) {
            gaps.ring()
        }
        tellBlocked()
    }

    private func tellBlocked() {
        let causes = state.withLock { state in
            var causes: [String: String] = [:]
            for (partition, entry) in state.entries {
                guard let cause = cause(of: entry, partition), entry.copy.state == .blocked else { continue }
                causes["topic \(partition.topic)"] = cause
            }
            return causes
        }
        health.leavesOut(causes, of: "contents")
    }

    /// Why a partition is not copied, and what to mend; nil when it is.
    private func cause(of entry: CopyEntry, _ partition: TopicPartition) -> String? {
        guard entry.copy.state == .blocked else { return entry.copy.state.gap?.description }
        return plan.foreignContents(of: partition.topic)
    }

    /// Takes the answers to what was claimed; what was interrupted meanwhile is left out.
    /// - Returns: partitions that have something to send: see ``toSend(_:)``.
    func take(_ answers: [RawFetch.Partition], of claim: Claim) -> [TopicPartition] {
        var filled: [TopicPartition] = []
        var faults: [(partition: TopicPartition, code: ErrorCode?, reason: String)] = []
        var recovered: [TopicPartition] = []
        var stopped: [TopicPartition] = []
        var silent = claim.offsets
        state.withLock { state in
            for answer in answers {
                let partition = answer.partition
                silent[partition] = nil
                guard var entry = state.entries[partition], entry.copy.isRead,
                    entry.generation == claim.generations[partition], let offset = claim.offsets[partition],
                    !entry.isRetiring
                else { continue }
                guard answer.error == .none else {
                    faults.append((partition, answer.error, "reading: \(answer.error)"))
                    continue
                }
                do throws(InvalidRecords) {
                    state.entries[partition] = nil
                    let batches = try entry.take(answer, at: offset)
                    if entry.isTroubled, answer.records.readableBytes == 0 {
                        entry.isTroubled = false
                        recovered.append(partition)
                    }
                    state.underWayInBytes += batches.reduce(0) { $0 + $1.bytes.readableBytes }
                    entry.outbox += batches
                    if !batches.isEmpty { filled.append(partition) }
                    if !entry.copy.isRead { stopped.append(partition) }
                } catch {
                    faults.append((partition, nil, "unreadable records: \(error)"))
                }
                state.entries[partition] = entry
            }
            for (partition, offset) in silent { state.giveBack(partition, offset, of: claim) }
        }
        for fault in faults {
            interrupt(
                fault.partition, generation: claim.generations[fault.partition] ?? -1, code: fault.code,
                reason: fault.reason)
        }
        if !stopped.isEmpty { tellStops() }
        health.recovered(all: recovered)
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
                guard let entry = state.entries[partition], !entry.isSending, !entry.outbox.isEmpty else { continue }
                outgoing.append(
                    Outgoing(
                        source: partition, remote: entry.remote, generation: entry.generation, batches: entry.outbox))
                state.entries[partition]?.outbox = []
                state.entries[partition]?.isSending = true
            }
            return outgoing
        }
    }

    func sent(_ outgoing: [Outgoing]) {
        state.withLock { state in
            for one in outgoing { state.entries[one.source]?.isSending = false }
        }
    }

    // MARK: Answers of the target

    /// The target has the partition's batch that was sent first.
    func acknowledged(_ partition: TopicPartition, generation: Int, at offset: Offset, _ load: CopyLoad) {
        let isRecovered = state.withLock { state in
            guard state.entries[partition]?.generation == generation else { return false }
            state.entries[partition]?.acknowledged(at: offset, load)
            state.acknowledgedBytes += load.bytes
            defer { state.entries[partition]?.isTroubled = false }
            return state.entries[partition]?.isTroubled ?? false
        }
        if isRecovered { health.recovered(all: [partition]) }
    }

    /// Bytes have left the mirror, one way or the other. Pumps hear of it when what is under way falls below `bound`.
    func release(bytes: Int, bound: Int = 0) {
        let (isIdle, isRoom) = state.withLock { state in
            let before = state.underWayInBytes
            state.underWayInBytes -= bytes
            return (state.underWayInBytes == 0, before >= bound && state.underWayInBytes < bound)
        }
        if isIdle { idle.ring() }
        if isRoom { changed.ring() }
    }

    /// It could not be found out where the partition stands.
    func postpone(_ partition: TopicPartition, reason: String) {
        guard let generation = state.withLock({ $0.entries[partition]?.generation }) else { return }
        interrupt(partition, generation: generation, code: nil, reason: reason)
    }

    func interrupt(_ partition: TopicPartition, generation: Int, code: ErrorCode?, reason: String) {
        let isNew = state.withLock { state in
            guard state.entries[partition]?.generation == generation else { return false }
            state.emptyOutbox(of: partition)
            state.generations += 1
            state.entries[partition]?.interrupt(code, now: .now, generation: state.generations)
            return true
        }
        if isNew { health.failed(partition, reason) }
    }

    // MARK: Gaps

    func foundGaps() -> [(partition: TopicPartition, gap: MirrorGap)] {
        state.withLock { state in
            state.entries.compactMap { partition, entry in
                guard case .found(let gap) = entry.copy.state else { return nil }
                return (partition, gap)
            }
            .sorted { $0.0 < $1.0 }
        }
    }

    func settle(_ partition: TopicPartition, _ gap: MirrorGap, under policy: GapPolicy) -> String? {
        let goesOn: Bool? = state.withLock { state in
            guard state.entries[partition]?.copy.state == .found(gap) else { return nil }
            state.entries[partition]?.copy.recorded(under: policy)
            state.entries[partition]?.backoff.retryNow()
            state.gapCounts[gap.kind, default: 0] += 1
            return state.entries[partition]?.copy.state == .copying
        }
        changed.ring()
        return goesOn.map {
            $0 ? "all that the source has is copied, from its beginning" : "it rests (mirror.gap.policy)"
        }
    }

    // MARK: Figures

    /// How all stands at one moment, for monitoring.
    func figures() -> CopyFigures {
        state.withLock { state in
            CopyFigures(
                partitions: state.entries.map { partition, entry in
                    CopyFigures.Partition(
                        partition: partition, remote: entry.remote, state: entry.copy.state.name,
                        cause: cause(of: entry, partition), end: entry.copy.acknowledged?.target ?? -1, lag: entry.lag,
                        recoveryPoint: entry.recoveryPoint, tally: entry.tally)
                }
                .sorted { $0.partition < $1.partition },
                acknowledgedBytes: state.acknowledgedBytes, underWayInBytes: state.underWayInBytes,
                gapCounts: state.gapCounts)
        }
    }

    // MARK: Positions

    /// Positions that are not written down yet, by remote name.
    func positionsToStore() -> [TopicPartition: (remote: TopicPartition, position: WrittenPosition)] {
        state.withLock { state in
            state.entries.compactMapValues { entry in
                guard let written = entry.copy.written, written.position != entry.stored else { return nil }
                return (entry.remote, written)
            }
        }
    }

    /// From now on no position is written down.
    func writeAllPositions() {
        state.withLock { state in
            for partition in state.entries.keys { state.entries[partition]?.stored = nil }
        }
    }

    func stored(_ positions: [TopicPartition: (remote: TopicPartition, position: WrittenPosition)]) {
        state.withLock { state in
            for (partition, place) in positions {
                state.entries[partition]?.stored = place.position.position
                state.remembered[place.remote] = place.position
            }
        }
    }

    /// Offset syncs that are due: of every run that began, and of the last record copied.
    func takeSyncs() -> [OffsetSync] {
        state.withLock { state in
            var syncs: [OffsetSync] = []
            for partition in state.entries.keys.sorted() {
                guard var entry = state.entries[partition] else { continue }
                var positions = entry.syncs
                entry.syncs = []
                if let end = entry.copy.offsets.end, end != entry.synced, entry.copy.offsets.hasRecords {
                    positions.append(MirroredPosition(source: end.source - 1, target: end.target - 1))
                    entry.synced = end
                }
                state.entries[partition] = entry
                syncs += positions.map {
                    OffsetSync(partition: partition, upstreamOffset: $0.source, downstreamOffset: $0.target)
                }
            }
            return syncs
        }
    }

    /// The remote partition and offset where a group goes on that is at `offset`; nil when that is not known.
    func translate(_ partition: TopicPartition, _ offset: Offset) -> (remote: TopicPartition, offset: Offset)? {
        state.withLock { state in
            guard let entry = state.entries[partition], let offset = entry.copy.offsets.translate(offset) else {
                return nil
            }
            return (entry.remote, offset)
        }
    }
}
