import ClusterModel
import Controller
import MartletClient
import Mirroring
import Synchronization

/// Keeps the committed offsets of groups at the target in step with the source's; nothing has to be translated.
final class ExactGroups: Sendable {
    private static let fullLookInterval = Duration.seconds(30)

    private let settings: LinkSettings
    private let source: Administrator
    private let target: Administrator
    private let table: ExactTable
    /// What groups had committed at the source when that was last brought to the target: so a group that goes back is
    /// told from one that is ahead at the target.
    private let seen = Mutex<(offsets: [String: [TopicPartition: Offset]], restarts: Int)>(([:], 0))
    /// When those are looked at again, too, that have not moved: a group may have been deleted at the target, or its
    /// offsets are older there than brokers keep them.
    private let nextFullLook = Mutex(ContinuousClock.now)

    init(settings: LinkSettings, clients: LinkClients, table: ExactTable) {
        self.settings = settings
        source = Administrator(clients.source)
        target = Administrator(clients.target)
        self.table = table
    }

    /// One look at all groups. Those that are at work at the target are left alone.
    func follow() async throws {
        let restarts = table.restarts
        // Who deletes a topic deletes what groups had committed in it.
        seen.withLock { seen in if seen.restarts != restarts { seen = ([:], restarts) } }
        let partitions = table.known
        let groups = try await source.groups().map(\.name).filter(settings.groups.contains)
        let asked = try await groups.mapConcurrently { [self] in await committedAtSource($0, in: partitions) }
        // A group whose offsets have not moved, and are at the target, needs no question there for a while.
        let looksAtAll = isFullLookDue()
        let moved = asked.filter { one in
            !one.offsets.isEmpty && (looksAtAll || seen.withLock { $0.offsets[one.group] != one.offsets })
        }
        var faults = asked.compactMap(\.fault)
        if !moved.isEmpty {
            let mirrors = try await mirrored(Set(moved.flatMap(\.offsets.keys)).sorted())
            faults += try await moved.mapConcurrently { [self] in await tryToBring($0, mirrors) }.compactMap { $0 }
        }
        if let fault = faults.first { throw fault }
    }

    private func isFullLookDue() -> Bool {
        nextFullLook.withLock { next in
            let now = ContinuousClock.now
            guard now >= next else { return false }
            next = now + Self.fullLookInterval
            return true
        }
    }

    /// What a group has committed at the source; one that cannot be asked holds up no other.
    private struct Committed: Sendable {
        var group: String
        /// Without what it says beside them, to be compared.
        var offsets: [TopicPartition: Offset] = [:]
        var metadata: [TopicPartition: String] = [:]
        var fault: (any Error)?
    }

    private func committedAtSource(_ group: String, in partitions: Set<TopicPartition>) async -> Committed {
        var committed = Committed(group: group)
        do {
            let positions = try await source.committedOffsets(of: group).filter { partitions.contains($0.key) }
            committed.offsets = positions.mapValues(\.offset)
            committed.metadata = positions.mapValues(\.metadata)
        } catch {
            committed.fault = error
        }
        return committed
    }

    private func tryToBring(
        _ committed: Committed, _ mirrors: [TopicPartition: ClosedRange<Offset>]
    ) async -> (any Error)? {
        do {
            try await bring(committed, mirrors)
            return nil
        } catch {
            return error
        }
    }

    /// What consumers may read of mirror topics of this link.
    private func mirrored(_ partitions: [TopicPartition]) async throws -> [TopicPartition: ClosedRange<Offset>] {
        try await target.describeMirrors(partitions).compactMapValues { stands in
            guard stands.state == .mirroring, stands.link == settings.name, stands.logStart <= stands.highWatermark
            else {
                return nil
            }
            return stands.logStart...stands.highWatermark
        }
    }

    private func bring(
        _ committed: Committed, _ mirrors: [TopicPartition: ClosedRange<Offset>]
    ) async throws {
        let (group, offsets) = (committed.group, committed.offsets)
        guard try await target.isAtRest(group) else { return }
        let before = seen.withLock { $0.offsets[group] ?? [:] }
        let changes = try await target.positions(of: group, bringing: offsets, before: before, mirrored: mirrors)
        // Only what needs no further look: an offset that the mirror has not reached yet is looked at again.
        var brought = before
        for (partition, offset) in offsets {
            if let range = mirrors[partition], range.upperBound >= offset { brought[partition] = offset }
        }
        if !changes.isEmpty {
            try await target.commitOffsets(changes, metadata: committed.metadata, of: group)
        }
        seen.withLock { $0.offsets[group] = brought }
    }
}
