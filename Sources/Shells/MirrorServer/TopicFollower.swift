import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import Logging
import MartletClient
import Mirroring
import Synchronization

/// Makes the target's topics follow the source's, and tells the table which partitions there are.
struct TopicFollower: Sendable {
    private static let changesAtOnce = 8

    let settings: LinkSettings
    let clients: LinkClients
    let table: PartitionTable
    let provenance: Provenance
    let health: LinkHealth
    let logger: Logger
    let obstacles: CopyObstacles
    /// Topics that another process is to take over from MirrorMaker 2.
    let awaited: Awaited
    let deletions: CopyDeletions

    init(
        settings: LinkSettings, clients: LinkClients, table: PartitionTable, provenance: Provenance, health: LinkHealth,
        logger: Logger
    ) {
        self.settings = settings
        self.clients = clients
        self.table = table
        self.provenance = provenance
        self.health = health
        self.logger = logger
        obstacles = CopyObstacles(settings, source: clients.source, target: clients.target)
        awaited = Awaited()
        deletions = CopyDeletions(settings: settings, clients: clients, logger: logger)
    }

    /// One look at both clusters.
    /// - Parameters:
    ///   - comparesSettings: whether settings of topics that exist already are compared too.
    ///   - changesTopics: whether topics are made to follow; otherwise another process does that.
    func follow(comparesSettings: Bool, changesTopics: Bool) async throws {
        let source = Administrator(clients.source)
        let target = Administrator(clients.target)
        let copies = try await copiesFromTarget()
        let all = try await source.topics()
        var topics = all.filter { settings.plan.copies($0.key, copiesFromTarget: copies) }
        for fork in try await forks(among: topics.keys.sorted()) { topics[fork] = nil }
        let present = try await target.topics()
        let found = try await obstacles.find(
            topics.mapValues { Int32($0.partitions.count) }, present: present.mapValues { Int32($0.partitions.count) }
        ) { provenance.claim($0, in: settings.target, for: settings.name) }
        for name in found.obstacles.keys { topics[name] = nil }
        health.leavesOut(
            Dictionary(uniqueKeysWithValues: found.obstacles.map { ("topic \($0)", $1) }), of: "topics")
        for name in try await adopt(found, changesTopics: changesTopics) { topics[name] = nil }
        health.tell(unmatched: settings.plan.patternsWithoutTopic(among: all.keys), source: settings.source)
        tellTable(topics, present: present)
        guard changesTopics else { return health.leavesOut([:], of: "deletions") }
        let orphans = settings.plan.orphans(
            among: Set(found.written.keys.map(\.topic)), sources: Set(all.keys), targets: Set(present.keys))
        let deleted = try await deletions.follow(orphans)
        health.leavesOut(
            Dictionary(uniqueKeysWithValues: deleted.map { ("topic \($0)", $1) }), of: "deletions")
        var plan = settings.plan
        plan.synchronizesSettings = plan.synchronizesSettings && comparesSettings
        var wanted: [String: TopicShape] = [:]
        var standing: [String: TopicShape] = [:]
        for (name, topic) in topics {
            let remote = plan.policy.remoteTopic(name, of: plan.source)
            let isNew = present[remote] == nil
            let looks = isNew || plan.synchronizesSettings
            wanted[name] = TopicShape(
                partitionCount: Int32(topic.partitions.count),
                configuration: looks ? try await Self.configuration(of: name, source) : [:])
            if let topic = present[remote] {
                standing[remote] = TopicShape(
                    partitionCount: Int32(topic.partitions.count),
                    configuration: looks ? try await Self.configuration(of: remote, target) : [:])
            }
        }
        try await apply(plan.changes(sources: wanted, targets: standing), of: topics, at: target)
    }

    /// Writes down where copies of MirrorMaker 2's go on, before any of them does.
    /// - Returns: topics that are not to be copied yet, for another process has to do that first.
    private func adopt(_ found: CopyObstacles.Findings, changesTopics: Bool) async throws -> [String] {
        let policy = settings.plan.policy
        func remotes(_ names: some Sequence<String>) -> Set<String> {
            Set(names.map { policy.remoteTopic($0, of: settings.source) })
        }
        let taken = awaited.settle(Set(found.written.keys.map(\.topic)))
        table.learn(found.written.filter { taken.contains($0.key.topic) })
        guard !found.adopted.isEmpty else { return [] }
        guard changesTopics else {
            awaited.add(remotes(found.adopted.keys))
            return found.adopted.keys.sorted()
        }
        let positions = found.adopted.values.reduce(into: [:]) { $0.merge($1) { $1 } }
        try await Administrator(clients.target).commitOffsets(
            positions.mapValues(\.position.source), metadata: positions.mapValues(\.metadata),
            of: WrittenPosition.group(source: settings.source))
        table.learn(positions)
        for (name, positions) in found.adopted.sorted(by: { $0.key < $1.key }) {
            logger.notice("\(settings.name): \(name) \(WrittenPosition.adoption(positions))")
        }
        return []
    }

    /// Makes all changes that can be made; throws the first failure afterwards.
    private func apply(
        _ changes: [TopicChange], of topics: [String: ClusterMetadata.Topic], at target: Administrator
    ) async throws {
        var failure: (any Error)?
        for start in stride(from: 0, to: changes.count, by: Self.changesAtOnce) {
            await withTaskGroup(of: (any Error)?.self) { group in
                for change in changes[start..<min(start + Self.changesAtOnce, changes.count)] {
                    group.addTask {
                        do {
                            try await apply(change, at: target)
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                for await error in group { failure = failure ?? error }
            }
            // What is ready is copied while the rest is still made.
            tellTable(topics, present: try await target.topics())
        }
        if let failure { throw failure }
    }

    private func tellTable(
        _ topics: [String: ClusterMetadata.Topic], present: [String: ClusterMetadata.Topic]
    ) {
        var places: [TopicPartition: PartitionTable.Place] = [:]
        for (name, topic) in topics {
            let remote = settings.plan.policy.remoteTopic(name, of: settings.source)
            let count = present[remote]?.partitions.count ?? 0
            for partition in topic.partitions where partition.index < Int32(count) {
                let place = TopicPartition(topic: remote, partition: partition.index)
                places[TopicPartition(topic: name, partition: partition.index)] = PartitionTable.Place(
                    remote: place, leader: partition.leader, topicID: topic.id)
            }
        }
        table.follow(places)
    }

    /// Topics of the source that are copies from the target. Only when names stay unchanged do they not say so
    /// themselves; then the positions of the mirror in the other direction do.
    private func copiesFromTarget() async throws -> Set<String> {
        guard settings.plan.policy.naming == .identity else { return [] }
        let group = WrittenPosition.group(source: settings.target)
        let written = try await Administrator(clients.source).committedOffsets(of: group).keys.map(\.topic)
        return provenance.copies(in: settings.source).union(written)
    }

    /// Topics of the source that were made for a drill there, which go nowhere; only Martlet's brokers have them.
    private func forks(among topics: [String]) async throws -> [String] {
        do {
            _ = try await clients.source.connection(for: .any).version(of: MirrorDescribeRequest.self)
        } catch let fault as ClientFault where fault.kind == .unsupported {
            return []
        }
        return try await Administrator(clients.source).topicSettings(topics)
            .filter { MirrorStanding($0.value).isFork }.map(\.key)
    }

    private static func configuration(of topic: String, _ cluster: Administrator) async throws -> [String: String] {
        var set: [String: String] = [:]
        for entry in try await cluster.configuration(of: .topic(topic)) where !entry.isDefault && !entry.isReadOnly {
            set[entry.name] = entry.value
        }
        return set
    }

    private func apply(_ change: TopicChange, at target: Administrator) async throws {
        switch change {
        case .create(let topic, let shape):
            provenance.note(copy: topic, in: settings.target)
            let isNew = try await target.create(
                topic, partitions: shape.partitionCount, replicas: settings.replication.remoteTopics,
                configuration: shape.configuration)
            // Where one of that name stood before, its positions are none of this one.
            if isNew { table.forget(topic) }
            logger.info("\(settings.name): created \(topic) with \(shape.partitionCount) partitions")
        case .grow(let topic, let count):
            try await target.createPartitions(of: topic, count: count)
            logger.info("\(settings.name): \(topic) has \(count) partitions now")
        case .configure(let topic, let changes):
            let keys = changes.keys.sorted().joined(separator: ", ")
            do {
                try await target.alterConfiguration(of: .topic(topic), changes)
                logger.info("\(settings.name): \(topic) takes over \(keys)")
            } catch let fault as ClientFault where !fault.isRetriable {
                // Another kind of broker may refuse what the source knows; the copy goes on without it.
                logger.warning("\(settings.name): \(topic) does not take over \(keys): \(fault)")
            }
        }
    }
}

extension Administrator {
    /// Creates a topic unless there is one. nil takes three replicas, or as many as there are brokers.
    /// - Returns: whether there was none.
    @discardableResult
    func create(
        _ topic: String, partitions: Int32, replicas: Int16?, configuration: [String: String]
    ) async throws -> Bool {
        let factor =
            if let replicas { replicas } else { Int16(clamping: min(3, try await describeCluster().brokers.count)) }
        do {
            try await createTopic(
                topic, partitions: partitions, replicationFactor: factor, configuration: configuration)
            return true
        } catch let fault as ClientFault where fault.code == .topicAlreadyExists {
            return false
        }
    }
}

/// The topics that links of this process bring, by cluster. Positions say the same, a little later.
final class Provenance: Sendable {
    /// Those that were created as copies.
    private let copies = Mutex<[String: Set<String>]>([:])
    /// Those that links bring under unchanged names, by cluster and link.
    private let claims = Mutex<[String: [String: Set<String>]]>([:])

    /// From now on a link brings these topics, and no others, as far as no other link does.
    /// - Returns: those that others bring, with the others' names.
    func claim(_ topics: Set<String>, in cluster: String, for link: String) -> [String: String] {
        claims.withLock { claims in
            var others: [String: String] = [:]
            for (other, brought) in claims[cluster, default: [:]].sorted(by: { $0.key < $1.key }) where other != link {
                for topic in brought.intersection(topics) { others[topic] = other }
            }
            claims[cluster, default: [:]][link] = topics.subtracting(others.keys)
            return others
        }
    }

    /// A link brings nothing any more.
    func release(_ link: String) {
        claims.withLock { claims in
            for cluster in claims.keys { claims[cluster]?[link] = nil }
        }
    }

    func note(copy topic: String, in cluster: String) {
        copies.withLock { _ = $0[cluster, default: []].insert(topic) }
    }

    func copies(in cluster: String) -> Set<String> { copies.withLock { $0[cluster] ?? [] } }
}

/// Topics of the target of which another process is to write positions down.
final class Awaited: Sendable {
    private let topics = Mutex<Set<String>>([])

    func add(_ more: Set<String>) { topics.withLock { $0.formUnion(more) } }

    /// - Parameter written: topics of which positions are written down.
    /// - Returns: those that were waited for.
    func settle(_ written: Set<String>) -> Set<String> {
        topics.withLock { topics in
            defer { topics.subtract(written) }
            return topics.intersection(written)
        }
    }
}
