import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import Synchronization

/// Translates the offsets that groups have committed at the source, writes them as checkpoints, and commits them at
/// the target for groups that are not at work there.
final class Checkpointer: Sendable {
    private let settings: LinkSettings
    private let clients: LinkClients
    private let table: PartitionTable
    private let topic: InternalTopic
    /// The offsets last written, by group and remote partition.
    private let written = Mutex<[String: [TopicPartition: Offset]]>([:])
    private let latencies = Mutex<[CheckpointPlace: RecentSpread]>([:])

    init(_ settings: LinkSettings, _ clients: LinkClients, _ table: PartitionTable) {
        self.settings = settings
        self.clients = clients
        self.table = table
        topic = InternalTopic(
            settings.plan.policy.checkpointsTopic(source: settings.source), in: clients.target,
            replicas: settings.replication.checkpoints)
    }

    /// Writes the checkpoints that have changed.
    func emit(unixMilliseconds: Int64) async throws {
        var changed: [Checkpoint] = []
        let translated = try await translate()
        for (group, checkpoints) in translated.found {
            let before = written.withLock { $0[group] ?? [:] }
            changed += checkpoints.filter { before[$0.partition] != $0.downstreamOffset }
        }
        try await topic.write(changed.map { ($0.key, $0.value) }, unixMilliseconds: unixMilliseconds)
        written.withLock { written in
            for one in changed { written[one.group, default: [:]][one.partition] = one.downstreamOffset }
        }
        let late = Double(max(0, WallClock.unixMilliseconds() - unixMilliseconds))
        latencies.withLock { latencies in
            for one in changed {
                let place = CheckpointPlace(group: one.group, partition: one.partition)
                latencies[place, default: RecentSpread()].add(late...late, .now)
            }
        }
        if let fault = translated.fault { throw fault }
    }

    /// How long checkpoints took to the target, in milliseconds.
    var allLatencies: [CheckpointPlace: RecentSpread] { latencies.withLock { $0 } }

    /// Commits at the target what lies ahead of what is committed there. A group of which that fails holds up no other.
    func commit() async throws {
        let translated = try await translate()
        var fault = translated.fault
        for (group, checkpoints) in translated.found {
            do {
                try await commit(checkpoints, of: group)
            } catch {
                if Task.isCancelled { throw error }
                fault = fault ?? error
            }
        }
        if let fault { throw fault }
    }

    private func commit(_ checkpoints: [Checkpoint], of group: String) async throws {
        let target = Administrator(clients.target)
        guard try await target.isAtRest(group) else { return }
        let present = try await target.committedOffsets(of: group)
        var ahead: [TopicPartition: Offset] = [:]
        var metadata: [TopicPartition: String] = [:]
        for one in checkpoints where one.downstreamOffset > present[one.partition]?.offset ?? -1 {
            ahead[one.partition] = one.downstreamOffset
            metadata[one.partition] = one.metadata
        }
        if !ahead.isEmpty { try await target.commitOffsets(ahead, metadata: metadata, of: group) }
    }

    /// The checkpoints of every selected group, as far as its offsets can be translated, in order; and why one could not be
    /// asked.
    private func translate() async throws -> (
        found: [(group: String, checkpoints: [Checkpoint])], fault: (any Error)?
    ) {
        let source = Administrator(clients.source)
        var found: [(String, [Checkpoint])] = []
        var fault: (any Error)?
        for group in try await source.groups() where settings.groups.contains(group.name) {
            if WrittenPosition.source(ofGroup: group.name) != nil { continue }
            let offsets: [TopicPartition: Administrator.CommittedOffset]
            do {
                offsets = try await source.committedOffsets(of: group.name)
            } catch {
                if Task.isCancelled { throw error }
                fault = fault ?? error
                continue
            }
            let checkpoints = offsets.sorted { $0.key < $1.key }.compactMap { partition, committed in
                table.translate(partition, committed.offset).map { place in
                    Checkpoint(
                        group: group.name, partition: place.remote, upstreamOffset: committed.offset,
                        downstreamOffset: place.offset, metadata: committed.metadata)
                }
            }
            if !checkpoints.isEmpty { found.append((group.name, checkpoints)) }
        }
        return (found, fault)
    }
}
