import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring

/// Makes the old home of topics, fenced because their home has moved to a link's source, the link's mirror: what only the
/// old home has is kept in a quarantine topic and dropped, and the link copies what it lacks. A planned ``HomeMove`` then
/// moves the home back.
///
/// Every step can be repeated: a return that was killed goes on when it is begun again.
package struct HomeReturn: Sendable {
    private static let pause = Duration.milliseconds(50)
    /// How long leaders may take to hear where the home is, and to commit what they have.
    private static let patience = Duration.seconds(10)

    let ends: LinkEnds

    package init(_ ends: LinkEnds) { self.ends = ends }

    private var source: Administrator { Administrator(ends.source) }
    private var target: Administrator { Administrator(ends.target) }

    /// Returns the topics whose home has moved from the target to the source, all or those selected, and tells what became
    /// of each. Those that the target has not been told of are fenced there first.
    /// - Parameter isRehearsal: changes nothing and tells what would be dropped.
    package func run(_ selection: NameSelection?, isRehearsal: Bool) async throws -> ReturnReport {
        try ends.checkIsExact("only mirror topics have a home that can move (mode=exact)")
        var report = ReturnReport(link: ends.settings.name, isRehearsal: isRehearsal)
        let sourceID = try await source.describeCluster().clusterID ?? ""
        let targetID = try await target.describeCluster().clusterID ?? ""
        let present = try ends.selected(try await target.topics(), selection)
        var standings = try await target.standing(present)
        let homes = try await source.standing(try await source.topics(standings.keys.sorted()))
        let untold = standings.filter { Self.isUntold($0.value, homes[$0.key], targetID) }.keys.sorted()
        if !isRehearsal, !untold.isEmpty {
            try await fence(untold, homes, sourceID)
            standings.merge(try await target.standing(present.filter { untold.contains($0.key) })) { $1 }
        }
        for (name, topic) in standings.sorted(by: { $0.key < $1.key }) {
            if isRehearsal, untold.contains(name) {
                report.topics[name] = ReturnReport.Topic(
                    fault: "\(ends.settings.target) does not know yet that its home has moved, and may be writing it: "
                        + "without --dry-run it is told first, or by the mirror of the link from it when that runs")
            } else if topic.standing.state == .fenced, topic.standing.sourceClusterID == sourceID {
                report.topics[name] = try await tryToBring(
                    name, topic, homes[name], sourceID, isRehearsal: isRehearsal)
            } else if topic.standing.isMirror(of: ends.settings.name), topic.standing.homeEpoch > 0 {
                report.topics[name] = try await returned(name, topic)
            }
        }
        return report
    }

    /// Whether the source has become the home of a topic by a link from the target, and the target still believes to be it,
    /// or to become it.
    private static func isUntold(_ topic: StandingTopic, _ home: StandingTopic?, _ targetID: String) -> Bool {
        guard topic.standing.state == .ordinary || topic.standing.state == .promoting else { return false }
        return home?.hasTakenHome(of: topic, at: targetID) ?? false
    }

    /// As the mirror of the link by which the home has moved does it.
    private func fence(_ names: [String], _ homes: [String: StandingTopic], _ sourceID: String) async throws {
        let changes = names.compactMap { name -> Administrator.MirrorChange? in
            guard let home = homes[name] else { return nil }
            var change = Administrator.MirrorChange.fence(
                name, homeEpoch: home.standing.homeEpoch, newHome: sourceID)
            change.topicID = home.id
            return change
        }
        try await target.require(changes, link: ends.settings.reverse)
    }

    /// What stands in the way of one topic holds up no other. When leaders change meanwhile it is begun again, or was
    /// finished by another return.
    private func tryToBring(
        _ name: String, _ topic: StandingTopic, _ home: StandingTopic?, _ sourceID: String, isRehearsal: Bool,
        attempts: Int = 10
    ) async throws -> ReturnReport.Topic {
        do {
            return try await bring(name, topic, home, sourceID, isRehearsal: isRehearsal)
        } catch let fault as ClientFault where !fault.isRetriable {
            return ReturnReport.Topic(fault: "\(fault)")
        } catch let fault as LaterLeader {
            guard attempts > 1, let now = try await target.standing(try await target.topics([name]))[name] else {
                return ReturnReport.Topic(fault: "\(fault)")
            }
            if now.standing.isMirror(of: ends.settings.name) { return try await returned(name, now) }
            return try await tryToBring(
                name, now, home, sourceID, isRehearsal: isRehearsal, attempts: attempts - 1)
        }
    }

    private func bring(
        _ name: String, _ topic: StandingTopic, _ home: StandingTopic?, _ sourceID: String, isRehearsal: Bool
    ) async throws -> ReturnReport.Topic {
        var told = ReturnReport.Topic()
        guard let home, home.id == topic.id, home.standing.state == .ordinary,
            home.standing.homeEpoch >= topic.standing.homeEpoch
        else {
            told.fault = "\(ends.settings.source) is not its home"
            return told
        }
        guard topic.partitionCount <= home.partitionCount else {
            told.fault =
                "it has \(topic.partitionCount) partitions at \(ends.settings.target), and \(home.partitionCount) at "
                + "\(ends.settings.source), its home: give it as many there (martlet topics --alter --partitions), then run "
                + "this again"
            return told
        }
        let partitions = (0..<topic.partitionCount).map { TopicPartition(topic: name, partition: $0) }
        let logs = try await comparableLogs(partitions)
        if let obstacle = logs.obstacle {
            told.fault = obstacle
            return told
        }
        for (partition, own, home) in logs.found {
            let search = TopicReturn.search(own: own, home: home)
            let cut = try await DigestComparison(ends: ends).finish(search, of: partition)
            told.partitions.append(ReturnReport.Partition(partition: partition.partition, cut: cut, end: own.end))
        }
        if isRehearsal { return told }
        try await keep(partitions, in: logs.ownEpochs, &told, homeEpoch: home.standing.homeEpoch)
        let cuts = told.partitions.map { (TopicPartition(topic: name, partition: $0.partition), $0.cut) }
        told.groupFaults = try await GroupClamp(cluster: target).setBack(to: Dictionary(uniqueKeysWithValues: cuts))
        var rewind = Administrator.MirrorChange(.rewind, name, homeEpoch: home.standing.homeEpoch)
        rewind.topicID = topic.id
        rewind.sourceClusterID = sourceID
        rewind.cuts = Dictionary(uniqueKeysWithValues: told.partitions.map { ($0.partition, $0.cut) })
        let results = try await target.alterMirrors(
            [rewind], link: ends.settings.name, until: .now + Administrator.patienceWithCoordinators)
        switch results[name] {
        case .success: told.isDone = true
        case .failure(let fault): told.fault = "\(fault)"
        case nil: told.fault = "\(ends.settings.target) did not answer for it"
        }
        return told
    }

    /// Tells again of a topic that is the link's mirror topic already: whoever brought it may have been killed before it
    /// could tell.
    private func returned(_ name: String, _ topic: StandingTopic) async throws -> ReturnReport.Topic {
        var told = ReturnReport.Topic()
        told.isDone = true
        var quarantine = Quarantine(of: name, homeEpoch: topic.standing.homeEpoch, at: ends.target)
        if try await target.topics([quarantine.topic])[quarantine.topic] != nil {
            told.quarantineTopic = quarantine.topic
            try await quarantine.look()
        }
        let partitions = (0..<topic.partitionCount).map { TopicPartition(topic: name, partition: $0) }
        for (partition, standing) in try await target.describeMirrors(partitions).sorted(by: { $0.key < $1.key }) {
            guard standing.cutOffset >= 0 else { continue }
            let kept = quarantine.kept[partition.partition] ?? (end: 0, count: 0)
            var one = ReturnReport.Partition(
                partition: partition.partition, cut: standing.cutOffset, end: max(kept.end, standing.cutOffset))
            one.keptRecords = kept.count
            told.partitions.append(one)
        }
        return told
    }

    private typealias Logs = (
        found: [(partition: TopicPartition, own: PartitionStanding, home: PartitionStanding)],
        ownEpochs: [TopicPartition: LeaderEpoch], obstacle: String?
    )

    /// How leaders at both sides see partitions, once all of them have heard where the home is; or why they cannot be
    /// compared.
    private func comparableLogs(_ partitions: [TopicPartition]) async throws -> Logs {
        let deadline = ContinuousClock.now + Self.patience
        var logs = try await look(at: partitions)
        while logs.obstacle != nil, ContinuousClock.now < deadline {
            try await Task.sleep(for: Self.pause)
            logs = try await look(at: partitions)
        }
        return logs
    }

    private func look(at partitions: [TopicPartition]) async throws -> Logs {
        let theirs = try await source.describeMirrors(partitions)
        let ours = try await target.describeMirrors(partitions)
        var logs: Logs = ([], ours.mapValues(\.leaderEpoch), nil)
        for partition in partitions {
            guard let own = ours[partition].map({ PartitionStanding($0) }),
                let home = theirs[partition].map({ PartitionStanding($0) })
            else {
                logs.obstacle = "\(partition) has no leader at \(ends.settings.target) or \(ends.settings.source)"
                return logs
            }
            if let obstacle = TopicReturn.obstacle(own: own, home: home) {
                logs.obstacle = "\(partition): \(obstacle)"
                return logs
            }
            logs.found.append((partition, own, home))
        }
        return logs
    }

    /// Keeps what will be dropped.
    private func keep(
        _ partitions: [TopicPartition], in leaderEpochs: [TopicPartition: LeaderEpoch],
        _ told: inout ReturnReport.Topic, homeEpoch: Int32
    ) async throws {
        guard let topic = partitions.first?.topic, told.partitions.contains(where: { $0.cut < $0.end }) else { return }
        var quarantine = Quarantine(of: topic, homeEpoch: homeEpoch, at: ends.target)
        try await quarantine.open(replicas: ends.settings.replication.remoteTopics)
        told.quarantineTopic = quarantine.topic
        for (place, partition) in partitions.enumerated() {
            let (cut, end) = (told.partitions[place].cut, told.partitions[place].end)
            guard cut < end, let leaderEpoch = leaderEpochs[partition] else { continue }
            told.partitions[place].keptRecords = try await quarantine.keep(
                partition, cut..<end, leaderEpoch: leaderEpoch)
        }
    }
}
