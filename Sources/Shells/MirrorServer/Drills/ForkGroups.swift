import ClusterModel
import MartletClient
import Mirroring

/// Groups' positions in forks: brought from the mirror topics when a drill begins, and told.
struct ForkGroups: Sendable {
    let cluster: Administrator

    /// Commits for groups with `prefix` before their names what groups have committed in mirror topics, never beyond
    /// what is forked. Where something is committed in a fork already, that stays: an application may have gone on.
    /// - Parameter places: of a mirror topic's partition, its fork and where that ends.
    /// - Returns: groups whose positions could not be brought, with why.
    func bring(
        _ places: [TopicPartition: (fork: TopicPartition, end: Offset)], prefix: String
    ) async throws -> [String: String] {
        let groups = try await cluster.groups().map(\.name).filter { !ForkLink.isMarkGroup($0) }
        let faults = try await groups.mapConcurrently { group in (group, try await bring(group, places, prefix)) }
        var told: [String: String] = [:]
        for (group, fault) in faults { if let fault { told[prefix + group] = "\(fault)" } }
        return told
    }

    private func bring(
        _ group: String, _ places: [TopicPartition: (fork: TopicPartition, end: Offset)], _ prefix: String
    ) async throws -> ClientFault? {
        let committed = try await cluster.committedOffsets(of: group).filter { places[$0.key] != nil }
        if committed.isEmpty { return nil }
        let present = try await cluster.committedOffsets(of: prefix + group)
        var wanted: [TopicPartition: Offset] = [:]
        var metadata: [TopicPartition: String] = [:]
        for (partition, position) in committed {
            guard let place = places[partition], present[place.fork] == nil else { continue }
            wanted[place.fork] = min(position.offset, place.end)
            metadata[place.fork] = position.metadata
        }
        if wanted.isEmpty { return nil }
        do {
            try await cluster.commitOffsets(wanted, metadata: metadata, of: prefix + group)
            return nil
        } catch let fault as ClientFault where !fault.isRetriable {
            return fault
        }
    }

    /// What groups have committed in forks.
    func positions(in forks: Set<TopicPartition>) async throws -> [String: [TopicPartition: Offset]] {
        let groups = try await cluster.groups().map(\.name).filter { !ForkLink.isMarkGroup($0) }
        let found = try await groups.mapConcurrently { group in
            (group, try await cluster.committedOffsets(of: group).filter { forks.contains($0.key) }.mapValues(\.offset))
        }
        return Dictionary(uniqueKeysWithValues: found.filter { !$0.1.isEmpty })
    }
}
