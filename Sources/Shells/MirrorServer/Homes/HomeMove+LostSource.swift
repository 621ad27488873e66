import ClusterModel
import Controller
import MartletClient
import Mirroring

/// What a failover tells the old home, where it can be told.
extension HomeMove {
    /// Lets nobody write at the old home, where it can be told, and groups go on where they were there.
    /// - Returns: how far it had come in the end; nil when it could not be told.
    func closeLostSource(
        _ partitions: [TopicPartition], _ open: Set<String>,
        _ mirrors: [TopicPartition: Administrator.DescribedPartition], _ report: inout MoveReport
    ) async -> SourceStanding? {
        do {
            try await tellSource(&report)
            try await awaitFence(of: partitions.filter { report.topics[$0.topic]?.isDone ?? false })
            var readable: [TopicPartition: ClosedRange<Offset>] = [:]
            for (partition, mirror) in mirrors where open.contains(partition.topic) {
                // Where groups are at a home that has parted from this one says nothing here.
                guard let topic = report.topics[partition.topic], topic.isDone, !topic.isReclaimed,
                    topic.cuts.indices.contains(Int(partition.partition))
                else { continue }
                readable[partition] = mirror.logStart...max(mirror.logStart, topic.cuts[Int(partition.partition)])
            }
            report.groupFaults.merge(try await GroupHandover(ends: ends).bring(readable)) { $1 }
            let moved = Set(partitions.map(\.topic)).subtracting(open)
            let standing = await SourceStanding.ask(
                source, partitions, settingsOf: moved.sorted(),
                describing: partitions.filter { report.topics[$0.topic]?.isReclaimed ?? false })
            return standing.fault == nil ? standing : nil
        } catch {
            report.sourceFault = "\(error)"
            return nil
        }
    }

    /// The old home must not be written when it returns. When it cannot be told now, the mirror tells it then.
    private func tellSource(_ report: inout MoveReport) async throws {
        let done = report.topics.filter { $0.value.isDone }.sorted { $0.key < $1.key }
        let targetID = try await target.describeCluster().clusterID ?? ""
        let theirs = try await source.topicSettings(done.map(\.key)).mapValues { MirrorStanding($0) }
        let changes = done.compactMap { name, topic -> Administrator.MirrorChange? in
            // What is mirrored from here takes no writes there.
            if let their = theirs[name], their.state == .mirroring, their.sourceClusterID == targetID { return nil }
            return Administrator.MirrorChange.fence(name, homeEpoch: topic.homeEpoch, newHome: targetID)
        }
        let absent = try await source.requireOfPresent(changes, link: link)
        let others = try await ends.otherNames(of: absent)
        let rest = changes.compactMap { change -> Administrator.MirrorChange? in
            guard let name = others[change.topic] else { return nil }
            return .fence(name, homeEpoch: change.homeEpoch, newHome: targetID)
        }
        try await source.require(rest, link: link)
        report.isSourceFenced = true
    }

    /// Leaders hear of it from the tree. Those that do not answer are not waited for.
    private func awaitFence(of partitions: [TopicPartition]) async throws {
        let deadline = ContinuousClock.now + SourceStanding.patienceWithLeaders
        while ContinuousClock.now < deadline {
            let standings = try await source.describeMirrors(partitions)
            if standings.values.allSatisfy({ $0.state != .ordinary }) { return }
            try await Task.sleep(for: Self.pause)
        }
    }
}
