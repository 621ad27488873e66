import ClusterModel
import MartletClient
import Mirroring

/// Brings what groups have committed at a link's source to its target a last time, when nobody writes at the source any
/// more: what the mirror has brought of it lies up to a second behind, and the mirror brings nothing more.
struct GroupHandover: Sendable {
    let ends: LinkEnds

    /// - Parameter readable: the offsets from which on groups may go on at the target.
    /// - Returns: groups that cannot go on where they were, with why.
    func bring(_ readable: [TopicPartition: ClosedRange<Offset>]) async throws -> [String: String] {
        guard ends.settings.groupOffsetsInterval != nil, !readable.isEmpty else { return [:] }
        let groups = try await Administrator(ends.source).groups().map(\.name).filter(ends.settings.groups.contains)
        let faults = try await groups.mapConcurrently { group in (group, try await bring(group, readable)) }
        return Dictionary(uniqueKeysWithValues: faults.compactMap { group, fault in fault.map { (group, "\($0)") } })
    }

    private func bring(
        _ group: String, _ readable: [TopicPartition: ClosedRange<Offset>]
    ) async throws -> ClientFault? {
        let target = Administrator(ends.target)
        let committed = try await Administrator(ends.source).committedOffsets(of: group)
        // Who is at work at the target already goes on from there.
        guard committed.keys.contains(where: { readable[$0] != nil }), try await target.isAtRest(group) else {
            return nil
        }
        let changes = try await target.positions(of: group, bringing: committed.mapValues(\.offset), mirrored: readable)
        if changes.isEmpty { return nil }
        do {
            try await target.commitOffsets(changes, metadata: committed.mapValues(\.metadata), of: group)
            return nil
        } catch let fault as ClientFault where !fault.isRetriable {
            return fault
        }
    }
}

extension Administrator {
    /// What a group is to commit at this cluster, a link's target, when it has committed `offsets` at the source, as
    /// ``GroupPosition`` has it.
    /// - Parameters:
    ///   - before: what was brought last.
    ///   - mirrored: the offsets from which on the group may go on here; of other partitions nothing is brought.
    func positions(
        of group: String, bringing offsets: [TopicPartition: Offset], before: [TopicPartition: Offset] = [:],
        mirrored: [TopicPartition: ClosedRange<Offset>]
    ) async throws -> [TopicPartition: Offset] {
        let present = try await committedOffsets(of: group)
        var changes: [TopicPartition: Offset] = [:]
        for (partition, offset) in offsets {
            guard let range = mirrored[partition] else { continue }
            changes[partition] = GroupPosition.toCommit(
                source: offset, before: before[partition], target: present[partition]?.offset, mirrored: range)
        }
        return changes
    }
}
