import ClusterModel
import MartletClient

/// Sets groups back to where partitions are cut, so that nobody goes on behind what is dropped: what will stand there is
/// something else.
struct GroupClamp: Sendable {
    let cluster: Administrator

    /// - Returns: groups that could not be set back, with why.
    func setBack(to cuts: [TopicPartition: Offset]) async throws -> [String: String] {
        let groups = try await cluster.groups().map(\.name)
        let faults = try await groups.mapConcurrently { group in (group, try await setBack(group, cuts)) }
        return Dictionary(uniqueKeysWithValues: faults.compactMap { group, fault in fault.map { (group, "\($0)") } })
    }

    /// Why a group could not be set back: its members are at work, and would have to be told.
    private func setBack(_ group: String, _ cuts: [TopicPartition: Offset]) async throws -> ClientFault? {
        let clamped = try await cluster.committedOffsets(of: group).compactMap { partition, committed in
            cuts[partition].flatMap { $0 < committed.offset ? (partition, $0) : nil }
        }
        guard !clamped.isEmpty else { return nil }
        do {
            try await cluster.commitOffsets(Dictionary(uniqueKeysWithValues: clamped), of: group)
            return nil
        } catch let fault as ClientFault where !fault.isRetriable {
            return fault
        }
    }
}
