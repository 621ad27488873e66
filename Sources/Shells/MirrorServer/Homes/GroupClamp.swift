import ClusterModel
import MartletClient

/// Sets groups back to where partitions are cut, so that nobody goes on behind what is dropped: what will stand there is
/// something else.
struct GroupClamp: Sendable {
    private static let pause = Duration.milliseconds(100)
    private static let patience = Duration.seconds(30)

    let cluster: Administrator

    /// - Returns: groups that could not be set back, with why.
    /// - Throws: ``UnfinishedMove`` where it is not certain which groups there are.
    func setBack(to cuts: [TopicPartition: Offset]) async throws -> [String: String] {
        let groups = try await allGroups()
        let faults = try await groups.mapConcurrently { group in (group, try await setBack(group, cuts)) }
        return Dictionary(uniqueKeysWithValues: faults.compactMap { group, fault in fault.map { (group, "\($0)") } })
    }

    /// Every group there is, for nobody looks for one later. A broker that takes over the groups of another one lists them
    /// only when it has heard of it: so the list counts if those who were asked had the same partitions before and after.
    private func allGroups() async throws -> [String] {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            let before = try await coordinators()
            let groups = try await cluster.groups().map(\.name)
            if let before, try await coordinators() == before { return groups }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove(
                    "groups have no coordinators: not all partitions of \(InternalTopic.ofGroups) have a leader; run it again to "
                        + "go on")
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// The leader epoch of each partition that groups are in, as its leader itself knows it; nil while any has none.
    private func coordinators() async throws -> [TopicPartition: LeaderEpoch]? {
        let topics = try await cluster.topics([InternalTopic.ofGroups])
        let partitions = [TopicPartition](of: topics.values.map { ($0.name, Int32($0.partitions.count)) })
        let standings = try await cluster.describeMirrors(partitions)
        return standings.count == partitions.count ? standings.mapValues(\.leaderEpoch) : nil
    }

    /// Why a group could not be set back: its members are at work, and would have to be told.
    private func setBack(_ group: String, _ cuts: [TopicPartition: Offset]) async throws -> ClientFault? {
        let committed = try await cluster.committedOffsets(of: group)
        let clamped = committed.compactMap { partition, committed in
            cuts[partition].flatMap { $0 < committed.offset ? (partition, $0) : nil }
        }
        guard !clamped.isEmpty else { return nil }
        do {
            try await cluster.commitOffsets(
                Dictionary(uniqueKeysWithValues: clamped), metadata: committed.mapValues(\.metadata), of: group)
            return nil
        } catch let fault as ClientFault where !fault.isRetriable {
            return fault
        }
    }
}
