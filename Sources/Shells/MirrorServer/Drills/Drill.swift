import ClusterModel
import Controller
import KafkaProtocol
import MartletClient
import Mirroring

/// A rehearsal of the loss of a link's source: writable forks of its mirror topics beside them at the target, with
/// groups' positions, so that an application can be started there for real while mirroring goes on.
///
/// A fork is a mirror topic of the mirror topic, filled to where that ended when the drill began, and then promoted as
/// a failover would do it. Everything is derived from what stands in the cluster, so a drill that was killed goes on
/// when it is begun again. Mirror topics, and groups' positions in them, are only read.
package struct Drill: Sendable {
    let ends: LinkEnds
    let fork: ForkLink
    /// For each of the waits of a drill.
    let limit: Duration

    var target: Administrator { Administrator(ends.target) }

    /// - Parameter prefix: makes the forks' names; more drills of one link may stand beside each other with others.
    /// - Throws: ``CompatibleLink``, ``ForkLink/UnusablePrefix``.
    package init(_ ends: LinkEnds, prefix: String, waitingAtMost limit: Duration) throws {
        try ends.checkIsExact("only what an exact link mirrors can be forked (mode=exact)")
        self.ends = ends
        self.limit = limit
        fork = try ForkLink(of: ends.settings.name, prefix: prefix)
    }

    // MARK: Topics

    /// A mirror topic and its fork, which may not be there yet.
    struct Topic: Sendable {
        var origin: String
        var fork: String
        var forkID: KafkaUUID
        /// Of the fork.
        var partitionCount: Int32
        var replicas: Int16
        /// The fork's.
        var settings: [String: String]
        var verdict: ForkVerdict

        var origins: [TopicPartition] { (0..<partitionCount).map { TopicPartition(topic: origin, partition: $0) } }
        var forks: [TopicPartition] { (0..<partitionCount).map { TopicPartition(topic: fork, partition: $0) } }
    }

    /// The topics to be forked and those that are forked already, by name.
    /// - Parameter selection: of mirror topics; nil for all of the link.
    /// - Throws: ``UnfitDrill`` when there are none, or something stands in the place of a fork.
    func plan(_ selection: NameSelection?) async throws -> [Topic] {
        let mirrors = try await ends.topics(selection)
        let shapes = try await target.topics()
        let forks = Set(mirrors.map { fork.fork(of: $0.name) })
        let present = try await target.standing(shapes.filter { forks.contains($0.key) })
        let settings = try await target.topicSettings(mirrors.map(\.name))
        var generator = SystemRandomNumberGenerator()
        var topics: [Topic] = []
        var obstacles: [String] = []
        for mirror in mirrors {
            let name = fork.fork(of: mirror.name)
            let verdict = fork.verdict(on: mirror.name, present: present[name])
            if case .blocked(let reason) = verdict { obstacles.append(reason) }
            // What is no mirror topic any more needs no rehearsal.
            if verdict == .create, mirror.standing.state != .mirroring { continue }
            let isGrowing = verdict == .create || verdict == .fill
            topics.append(
                Topic(
                    origin: mirror.name, fork: name, forkID: present[name]?.id ?? .random(using: &generator),
                    partitionCount: isGrowing ? mirror.partitions : present[name]?.partitionCount ?? 0,
                    replicas: Int16(clamping: shapes[mirror.name]?.partitions.first?.replicas.count ?? 1),
                    settings: fork.settings(of: settings[mirror.name] ?? [:]), verdict: verdict))
        }
        guard obstacles.isEmpty else { throw UnfitDrill(obstacles.joined(separator: "; ")) }
        guard !topics.isEmpty else {
            throw UnfitDrill(
                "link \(fork.link) has no mirror topic" + (selection == nil ? "" : " that --topics matches"))
        }
        return topics
    }

    /// The forks of this drill that there are, by name.
    /// - Parameter selection: of mirror topics; nil for all.
    func standingForks(_ selection: NameSelection?) async throws -> [Topic] {
        let shapes = try await target.topics().filter { $0.key.hasPrefix(fork.prefix) }
        return try await target.standing(shapes).sorted { $0.key < $1.key }.compactMap { name, topic in
            guard let origin = fork.origin(of: name, topic.standing), ends.selects(origin, selection) else {
                return nil
            }
            return Topic(
                origin: origin, fork: name, forkID: topic.id, partitionCount: topic.partitionCount,
                replicas: Int16(clamping: shapes[name]?.partitions.first?.replicas.count ?? 1),
                settings: topic.settings, verdict: fork.verdict(on: origin, present: topic))
        }
    }

    // MARK: Room

    /// What forks need that are to be as large as their mirror topics, less what they have.
    func capacity(for topics: [Topic]) async throws -> DrillCapacity {
        let sizes = try await target.describeMirrors(topics.flatMap { $0.origins + $0.forks }).mapValues(\.sizeInBytes)
        let needed = topics.map { topic in
            zip(topic.origins, topic.forks).map { max(0, (sizes[$0] ?? 0) - (sizes[$1] ?? 0)) }.reduce(0, +)
                * Int64(topic.replicas)
        }.reduce(0, +)
        let brokers = try await target.describeCluster().brokers.keys.sorted()
        let rooms = try await brokers.mapConcurrently { [target] broker in (broker, try await target.room(of: broker)) }
        return DrillCapacity(
            neededBytes: needed, brokerCount: brokers.count,
            brokers: rooms.filter { !$0.1.isEmpty }.map { broker, rooms in
                // Directories that tell the same lie on one disk.
                let disks = Set(rooms)
                return DrillCapacity.Broker(
                    broker: broker, totalBytes: disks.map(\.total).reduce(0, +),
                    usableBytes: disks.map(\.usable).reduce(0, +))
            })
    }
}

/// Why there is no drill; nothing was changed.
package struct UnfitDrill: Error, CustomStringConvertible {
    package var description: String

    init(_ description: String) { self.description = description }
}
