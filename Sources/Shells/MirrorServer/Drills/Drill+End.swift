import ClusterModel
import MartletClient
import Mirroring

extension Drill {
    private static let deletionsAtOnce = 16
    private static let pause = Duration.milliseconds(50)

    /// Deletes the forks, all or those of selected mirror topics, and waits until they and what groups had committed in
    /// them are gone. Nothing else is touched.
    /// - Parameter isRehearsal: changes nothing and tells what would be deleted.
    package func end(_ selection: NameSelection?, isRehearsal: Bool) async throws -> DrillEnd {
        var report = DrillEnd(fork, isRehearsal: isRehearsal)
        let topics = try await standingForks(selection)
        if topics.isEmpty { return report }
        report.deletedTopics = topics.map(\.fork)
        let forks = Set(topics.flatMap(\.forks))
        let groups = ForkGroups(cluster: target)
        report.forgottenPositions = try await groups.positions(in: forks).mapValues(\.count)
        if isRehearsal { return report }
        _ = try await report.deletedTopics.mapConcurrently(atMost: Self.deletionsAtOnce) { [target] topic in
            do {
                try await target.deleteTopic(topic)
            } catch let fault as ClientFault where fault.code == .unknownTopicOrPartition {
                // Somebody was faster, or the answer to the first attempt was lost.
                return
            }
        }
        try await awaitEnd(of: report.deletedTopics, forks, groups)
        return report
    }

    private func awaitEnd(of topics: [String], _ forks: Set<TopicPartition>, _ groups: ForkGroups) async throws {
        let deadline = ContinuousClock.now + limit
        while true {
            let present = try await target.topics().keys
            let positions = try await groups.positions(in: forks)
            if positions.isEmpty, topics.allSatisfy({ !present.contains($0) }) { return }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove("forks, or groups' positions in them, are not gone yet; run it again to go on")
            }
            try await Task.sleep(for: Self.pause)
        }
    }
}
