import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records
import Synchronization

/// All partitions of one link. Pumps, answers of the target, and the writers of positions and checkpoints meet here.
final class PartitionTable: CopyTable {
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
        var spareProducer: ProducerID
    }

    private struct State {
        var entries: [TopicPartition: CopyEntry] = [:]
        var underWayInBytes = 0
        var acknowledgedBytes = 0
    }

    private let state = Mutex(State())
    private let health: LinkHealth
    /// Rung when something has changed that a pump may wait for.
    let changed = Bells()
    /// Rung when the last answer under way has come.
    let idle = Bell()

    init(health: LinkHealth) { self.health = health }

    // MARK: Which partitions

    /// Takes over which partitions there are and who leads them, by their names at the source.
    func follow(_ partitions: [TopicPartition: (remote: TopicPartition, leader: BrokerID?, stored: MirroredPosition?)])
    {
        state.withLock { state in
            for gone in state.entries.keys where partitions[gone] == nil { state.entries[gone] = nil }
            for (partition, place) in partitions {
                if state.entries[partition] == nil {
                    state.entries[partition] = CopyEntry(
                        remote: place.remote, stored: place.stored, leader: place.leader)
                } else {
                    state.entries[partition]?.leader = place.leader
                }
            }
        }
        changed.ring()
    }

    var partitionCount: Int { state.withLock { $0.entries.count } }

    /// The source's brokers that lead any partition.
    var leaders: Set<BrokerID> { state.withLock { Set($0.entries.values.compactMap(\.leader)) } }

    // MARK: Pumps

    /// The partitions led by `broker` of which it is not known where the target stands, with their remote names.
    func toLocate(_ broker: BrokerID, now: ContinuousClock.Instant) -> [(
        source: TopicPartition, remote: TopicPartition
    )] {
        state.withLock { state in
            state.entries.filter {
                $0.value.leader == broker && $0.value.copy.state == .locating && $0.value.isDue(now)
            }
            .map { ($0.key, $0.value.remote) }.sorted { $0.0 < $1.0 }
        }
    }

    /// Where to read from `broker`, in order.
    func positions(
        _ broker: BrokerID, now: ContinuousClock.Instant
    ) -> [(partition: TopicPartition, offset: Offset)] {
        state.withLock { state in
            state.entries.filter {
                $0.value.leader == broker && $0.value.copy.state != .locating && $0.value.isDue(now)
            }
            .map { ($0.key, $0.value.copy.nextOffset) }.sorted { $0.0 < $1.0 }
        }
    }

    var underWayInBytes: Int { state.withLock { $0.underWayInBytes } }

    func located(_ found: [TopicPartition: Located]) {
        state.withLock { state in
            for (partition, place) in found {
                guard state.entries[partition]?.copy.state == .locating else { continue }
                state.entries[partition]?.spareProducer = place.spareProducer
                state.entries[partition]?.backoff.retryNow()
                state.entries[partition]?.copy.targetStands(at: place.target, source: place.source)
            }
        }
    }

    /// Takes the answers to fetches from `positions`; what was interrupted meanwhile is left out.
    func take(
        _ answers: [RawFetch.Partition], from positions: [(partition: TopicPartition, offset: Offset)]
    ) -> [Outgoing] {
        let asked = Dictionary(positions.map { ($0.partition, $0.offset) }) { $1 }
        var outgoing: [Outgoing] = []
        var faults: [(TopicPartition, Int, ErrorCode?, String)] = []
        var recovered: [TopicPartition] = []
        state.withLock { state in
            for answer in answers {
                guard var entry = state.entries[answer.partition], entry.copy.state != .locating,
                    entry.copy.nextOffset == asked[answer.partition]
                else { continue }
                guard answer.error == .none else {
                    faults.append((answer.partition, entry.generation, answer.error, "reading: \(answer.error)"))
                    continue
                }
                do throws(InvalidRecords) {
                    state.entries[answer.partition] = nil
                    let batches = try entry.take(answer)
                    if entry.isTroubled, answer.records.readableBytes == 0 {
                        entry.isTroubled = false
                        recovered.append(answer.partition)
                    }
                    state.entries[answer.partition] = entry
                    state.underWayInBytes += batches.reduce(0) { $0 + $1.bytes.readableBytes }
                    guard !batches.isEmpty else { continue }
                    outgoing.append(
                        Outgoing(
                            source: answer.partition, remote: entry.remote, generation: entry.generation,
                            batches: batches))
                } catch {
                    state.entries[answer.partition] = entry
                    faults.append((answer.partition, entry.generation, nil, "unreadable records: \(error)"))
                }
            }
        }
        for (partition, generation, code, reason) in faults {
            interrupt(partition, generation: generation, code: code, reason: reason)
        }
        health.recovered(all: recovered)
        return outgoing
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

    /// Bytes have left the mirror, one way or the other.
    func release(bytes: Int) {
        let isIdle = state.withLock { state in
            state.underWayInBytes -= bytes
            return state.underWayInBytes == 0
        }
        if isIdle { idle.ring() }
    }

    /// It could not be found out where the partition stands.
    func postpone(_ partition: TopicPartition, reason: String) {
        guard let generation = state.withLock({ $0.entries[partition]?.generation }) else { return }
        interrupt(partition, generation: generation, code: nil, reason: reason)
    }

    func interrupt(_ partition: TopicPartition, generation: Int, code: ErrorCode?, reason: String) {
        let isNew = state.withLock { state in
            guard state.entries[partition]?.generation == generation else { return false }
            state.entries[partition]?.interrupt(code, now: .now)
            return true
        }
        if isNew { health.failed(partition, reason) }
    }

    // MARK: Figures

    /// How all stands at one moment, for monitoring.
    func figures() -> CopyFigures {
        state.withLock { state in
            CopyFigures(
                partitions: state.entries.map { partition, entry in
                    CopyFigures.Partition(
                        partition: partition, remote: entry.remote, state: "\(entry.copy.state)",
                        end: entry.copy.acknowledged?.target ?? -1, lag: entry.lag,
                        recoveryPoint: entry.recoveryPoint.moment, tally: entry.tally)
                }
                .sorted { $0.partition < $1.partition },
                acknowledgedBytes: state.acknowledgedBytes, underWayInBytes: state.underWayInBytes)
        }
    }

    // MARK: Positions

    /// Positions that are not written down yet, by remote name.
    func positionsToStore() -> [TopicPartition: (remote: TopicPartition, position: MirroredPosition)] {
        state.withLock { state in
            state.entries.compactMapValues { entry in
                guard entry.copy.state == .copying, let position = entry.copy.acknowledged, position != entry.stored
                else { return nil }
                return (entry.remote, position)
            }
        }
    }

    func stored(_ positions: [TopicPartition: (remote: TopicPartition, position: MirroredPosition)]) {
        state.withLock { state in
            for (partition, place) in positions { state.entries[partition]?.stored = place.position }
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
