import ClusterModel
import Controller
import MartletClient
import Mirroring

/// A planned move closes the source first, and waits until its target has all that is there.
extension HomeMove {
    /// Nobody would bring the rest, and the source would be closed for nothing.
    func checkThatLinkWorks() throws(UnfinishedMove) {
        switch ends.settings.state {
        case .paused, .deleted, .refused:
            let cause = ends.settings.cause.map { " (\($0))" } ?? ""
            throw UnfinishedMove(
                "link \(link) is \(ends.settings.state.rawValue)\(cause), so nothing was begun: let it run, or fail over"
            )
        case .running, .disabled: break
        }
    }

    /// Topics that the source has under other names than the link gives them, since those were changed, would not be found there.
    func checkNames(of topics: Set<String>) async throws {
        guard let (name, other) = try await ends.otherNames(of: topics).min(by: { $0.key < $1.key }) else { return }
        throw UnfinishedMove(
            "\(ends.settings.source) has \(name) as \(ends.settings.names.atSource(other)), which by the link's "
                + "replication.policy has another name here, so nothing was begun: set that back")
    }

    /// Waits until the target knows the epochs of the source's homes: a move that was given up has left a new one there,
    /// of which the mirror has to hear before the next one begins. Nothing has been closed for that.
    func inStep(_ topics: [MovedTopic], _ selection: NameSelection?) async throws -> [MovedTopic] {
        let deadline = ContinuousClock.now + limit
        let targetID = try await target.describeCluster().clusterID ?? ""
        var topics = topics
        while true {
            let homes = try await source.topicSettings(topics.map(\.name)).mapValues { MirrorStanding($0) }
            for topic in topics where topic.standing.state == .mirroring {
                guard let other = homes[topic.name]?.homeElsewhere(than: targetID, ends.settings.source) else {
                    continue
                }
                throw UnfinishedMove("topic \(topic.name): \(other); nothing was begun")
            }
            let behind = topics.filter { topic in
                guard let home = homes[topic.name], home.state == .ordinary else { return false }
                return topic.standing.state == .mirroring && topic.standing.homeEpoch < home.homeEpoch
            }
            guard let first = behind.first else { return topics }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove(
                    "the mirror has not brought the home epoch of \(first.name) in time, so nothing was begun")
            }
            try await Task.sleep(for: Self.pause)
            topics = try await self.topics(selection)
        }
    }

    /// Lets nobody write at the source any more, and waits until the mirror has brought what is there. When that does not
    /// succeed the source is opened again, as far as nobody has begun to promote its topics.
    /// - Returns: groups that cannot go on at the target where they were, with why.
    func closeSource(_ topics: [MovedTopic]) async throws -> [String: String] {
        do {
            let deleted = try await fence(topics)
            // What is being promoted already had everything when that began.
            let awaited = topics.filter { $0.standing.state == .mirroring && !deleted.contains($0.name) }
            return try await GroupHandover(ends: ends).bring(try await awaitTheRest(awaited))
        } catch {
            throw UnfinishedMove("\(error); \(await openAgain(topics))")
        }
    }

    /// Nobody writes at the source any more. Where a move was begun before, that is so already.
    /// - Returns: topics that the source has deleted: what the target has of them is all that there is.
    private func fence(_ topics: [MovedTopic]) async throws -> Set<String> {
        let targetID = try await target.describeCluster().clusterID ?? ""
        let changes = topics.map { topic in
            let isDone = topic.standing.state == .ordinary
            return Administrator.MirrorChange.fence(
                topic.name, homeEpoch: isDone ? topic.standing.homeEpoch : topic.standing.homeEpoch + 1,
                newHome: targetID)
        }
        return try await source.requireOfPresent(changes, link: link)
    }

    /// The mirror brings what the source still has. Whether somebody has begun to promote the topics is asked again all the
    /// time: what was read of that first may have been out of date.
    /// - Returns: what the target then has of those that nobody has.
    private func awaitTheRest(_ topics: [MovedTopic]) async throws -> [TopicPartition: ClosedRange<Offset>] {
        let shapes = try await source.topics(topics.map(\.name))
        if let unknown = topics.first(where: { shapes[$0.name] == nil }) {
            throw UnfinishedMove("a broker of \(ends.settings.source) does not know topic \(unknown.name)")
        }
        let partitions = [TopicPartition](
            of: shapes.values.sorted { $0.name < $1.name }.map { ($0.name, Int32($0.partitions.count)) })
        let homeEpochs = Dictionary(uniqueKeysWithValues: topics.map { ($0.name, $0.standing.homeEpoch) })
        let deadline = ContinuousClock.now + limit
        while true {
            let sources = try await source.describeMirrors(partitions)
            let targets = try await target.describeMirrors(partitions)
            let rest = RestOfMove(
                of: partitions, link: link, homeEpochs: homeEpochs, source: sources.mapValues { PartitionStanding($0) },
                target: targets.mapValues { PartitionStanding($0) })
            if rest.missing.isEmpty {
                return targets.filter { !rest.begun.contains($0.key.topic) }
                    .mapValues { $0.logStart...max($0.logStart, $0.highWatermark) }
            }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove("the mirror has not brought all of \(rest.missing.inWords) in time")
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Opens the source again for topics that nobody has begun to promote, as the target's tree says.
    private func openAgain(_ topics: [MovedTopic]) async -> Reopening {
        var outcome = Reopening(source: ends.settings.source)
        let names = topics.filter { $0.standing.state != .ordinary }.map(\.name)
        do {
            let targetID = try await target.describeCluster().clusterID ?? ""
            let homes = try await source.topicSettings(names).mapValues { MirrorStanding($0) }
            let mirrors = try await target.topicSettings(names).mapValues { MirrorStanding($0) }
            for (name, home) in homes.sorted(by: { $0.key < $1.key }) {
                if let other = home.homeElsewhere(than: targetID, ends.settings.source) {
                    outcome.unopened[name] = other
                } else if home.state == .ordinary {
                    outcome.open.append(name)
                } else if let mirror = mirrors[name], try await isMirror(name, of: mirror.homeEpoch) {
                    try await source.require([.init(.unfence, name, homeEpoch: home.homeEpoch + 1)], link: link)
                    outcome.open.append(name)
                } else {
                    outcome.begun.append(name)
                }
            }
        } catch {
            outcome.fault = "\(error)"
        }
        return outcome
    }

    /// Whether the target's tree says at this moment that a topic is the link's mirror topic: nobody who asks a broker may
    /// rely on its image for that.
    private func isMirror(_ topic: String, of homeEpoch: Int32) async throws -> Bool {
        let affirm = Administrator.MirrorChange(.affirm, topic, homeEpoch: homeEpoch)
        let results = try await target.alterMirrors(
            [affirm], link: link, until: .now + Administrator.patienceWithCoordinators)
        switch results[topic] {
        case .success: return true
        case .failure(let fault) where fault.code == .fencedLeaderEpoch: return false
        case .failure(let fault): throw fault
        case nil: throw UnfinishedMove("\(ends.settings.target) did not answer for topic \(topic)")
        }
    }
}

extension MirrorStanding {
    /// What is said of a source that is not the home, and has not been fenced for the target's sake; nil when there is nothing
    /// to say.
    func homeElsewhere(than targetID: String, _ source: String) -> String? {
        guard sourceClusterID != targetID else { return nil }
        return switch state {
        case .ordinary: nil
        case .fenced: "its home has moved from \(source) to a third cluster by link \(link)"
        case .mirroring, .promoting: "its home is not \(source), which has it by link \(link): move it there first"
        }
    }
}
