import ClusterModel
import Controller
import KafkaProtocol
import Logging
import MartletClient
import Mirroring

/// Makes the target's mirror topics follow the source's topics, and tells the table which partitions there are.
struct ExactTopicFollower: Sendable {
    /// The clusters at both ends.
    struct Clusters: Sendable {
        var sourceID: String
        var targetID: String
    }

    /// One topic as a cluster has it.
    private struct Topic {
        var shape: ClusterMetadata.Topic
        var settings: [String: String]

        var standing: MirrorStanding { MirrorStanding(settings) }
    }

    private static let changesAtOnce = 500

    private let settings: LinkSettings
    private let clusters: Clusters
    private let topics: ExactTopics
    private let source: Administrator
    private let target: Administrator
    private let table: ExactTable
    private let health: LinkHealth
    private let logger: Logger

    init(
        settings: LinkSettings, clients: LinkClients, clusters: Clusters, table: ExactTable, health: LinkHealth,
        logger: Logger
    ) {
        self.settings = settings
        self.clusters = clusters
        topics = ExactTopics(
            topics: settings.plan.topics, policy: settings.plan.policy, excludedSettings: settings.plan.excludedSettings
        )
        source = Administrator(clients.source)
        target = Administrator(clients.target)
        self.table = table
        self.health = health
        self.logger = logger
    }

    /// One look at both clusters.
    /// - Parameter comparesSettings: whether settings of topics that are mirrored already are compared too.
    func follow(comparesSettings: Bool) async throws {
        let present = try await source.topics()
        let sources = try await Self.topics(
            present.filter { settings.plan.topics.contains($0.key) && !settings.plan.policy.isInternal($0.key) }, source
        )
        let there = try await target.topics(sources.keys.sorted())
        let targets = try await Self.topics(there, target)
        var changes: [Administrator.MirrorChange] = []
        var fences: [Administrator.MirrorChange] = []
        var mirrored: [String: Topic] = [:]
        var leftOut: [String: String] = [:]
        for (name, topic) in sources.sorted(by: { $0.key < $1.key }) {
            let objection = topics.objection(
                to: name, id: topic.shape.id, standing: topic.standing, targetID: clusters.targetID,
                isMirrored: targets[name].map { isOurs($0.standing) } ?? false)
            if objection != nil { continue }
            guard let mirror = targets[name] else {
                changes.append(change(for: name, topic, settings: topics.settings(of: topic.settings)))
                mirrored[name] = topic
                continue
            }
            switch standing(of: mirror, name, sourceEpoch: topic.standing.homeEpoch) {
            case .ours:
                mirrored[name] = topic
                let differences =
                    comparesSettings && settings.plan.synchronizesSettings
                    ? topics.differences(source: topic.settings, target: mirror.settings) : [:]
                var change = change(for: name, topic, settings: differences)
                // What is fenced for its promotion has the epoch that the promotion will give its mirror.
                if topic.standing.state == .fenced { change.homeEpoch = mirror.standing.homeEpoch }
                let isBehind =
                    topic.shape.partitions.count > mirror.shape.partitions.count
                    || change.homeEpoch > mirror.standing.homeEpoch
                // Of a topic that was made anew the partitions find out, and the ledger is told.
                if mirror.shape.id == topic.shape.id, isBehind || !differences.isEmpty { changes.append(change) }
            case .homeMovedHere(let homeEpoch):
                var fence = Administrator.MirrorChange(.fence, name, homeEpoch: homeEpoch)
                fence.topicID = mirror.shape.id
                fence.sourceClusterID = clusters.targetID
                fences.append(fence)
            case .elsewhere(let reason): leftOut["topic \(name)"] = reason
            }
        }
        leftOut.merge(try await apply(changes)) { $1 }
        leftOut.merge(try await fenceSource(fences)) { $1 }
        health.leavesOut(leftOut)
        try await tellTable(mirrored)
    }

    // MARK: Whose a topic is

    private enum Standing {
        case ours
        /// It was promoted: the source has to be told, if it does not know.
        case homeMovedHere(homeEpoch: Int32)
        /// nil when that is as it should be.
        case elsewhere(because: String?)
    }

    private func isOurs(_ standing: MirrorStanding) -> Bool {
        standing.state == .mirroring && standing.link == settings.name
    }

    private func standing(of mirror: Topic, _ name: String, sourceEpoch: Int32) -> Standing {
        let standing = mirror.standing
        switch standing.state {
        case .mirroring where isOurs(standing): return .ours
        case .mirroring:
            return .elsewhere(because: "it is a mirror topic of link \(standing.link) at \(settings.target)")
        case .ordinary where standing.link == settings.name && standing.homeEpoch > sourceEpoch:
            return .homeMovedHere(homeEpoch: standing.homeEpoch)
        case .ordinary:
            return .elsewhere(
                because: "\(settings.target) has an ordinary topic of that name: delete it there, or leave it out "
                    + "(topics.exclude)")
        case .promoting, .fenced: return .elsewhere(because: nil)
        }
    }

    /// Tells the source of homes that have moved while it could not be told. Apache Kafka's brokers cannot be told at all.
    /// - Returns: why topics are not fenced.
    private func fenceSource(_ fences: [Administrator.MirrorChange]) async throws -> [String: String] {
        guard !fences.isEmpty else { return [:] }
        var faults: [String: String] = [:]
        do {
            for (name, result) in try await source.alterMirrors(fences, link: settings.name) {
                switch result {
                case .success: logger.info("\(settings.name): \(settings.source) does not write \(name) any more")
                case .failure(let fault): faults["topic \(name)"] = "its old home is not fenced: \(fault)"
                }
            }
        } catch let fault as ClientFault where !fault.isRetriable {
            for fence in fences { faults["topic \(fence.topic)"] = "its old home is not fenced: \(fault)" }
        }
        return faults
    }

    // MARK: Changes

    private func change(for name: String, _ topic: Topic, settings changed: [String: String?])
        -> Administrator.MirrorChange
    {
        var change = Administrator.MirrorChange(.mirror, name, homeEpoch: topic.standing.homeEpoch)
        change.topicID = topic.shape.id
        change.sourceClusterID = clusters.sourceID
        change.partitionCount = Int32(topic.shape.partitions.count)
        change.replicationFactor = settings.replication.remoteTopics
        change.settings = changed
        return change
    }

    /// - Returns: why topics are not as they should be.
    private func apply(_ changes: [Administrator.MirrorChange]) async throws -> [String: String] {
        var faults: [String: String] = [:]
        for start in stride(from: 0, to: changes.count, by: Self.changesAtOnce) {
            let some = Array(changes[start..<min(start + Self.changesAtOnce, changes.count)])
            let results = try await target.alterMirrors(some, link: settings.name)
            for change in some {
                switch results[change.topic] {
                case .success:
                    logger.info(
                        "\(settings.name): mirrors \(change.topic)",
                        metadata: ["partitions": "\(change.partitionCount)"])
                case .failure(let fault) where fault.code == .invalidConfig && !change.settings.isEmpty:
                    faults["topic \(change.topic)"] = try await applyWithoutSettings(change, because: fault)
                case .failure(let fault): faults["topic \(change.topic)"] = "\(fault)"
                case nil: faults["topic \(change.topic)"] = "\(settings.target) did not answer for it"
                }
            }
        }
        return faults
    }

    /// The target may not know a setting that the source knows; the data goes on without it.
    /// - Returns: why that does not succeed either.
    private func applyWithoutSettings(
        _ change: Administrator.MirrorChange, because fault: ClientFault
    ) async throws -> String? {
        var bare = change
        bare.settings = [:]
        let result = try await target.alterMirrors([bare], link: settings.name)[change.topic]
        if case .failure(let failure)? = result { return "\(failure)" }
        logger.warning("\(settings.name): \(change.topic) does not take over its settings: \(fault)")
        return nil
    }

    /// Deletes mirror topics that cannot become what their sources are, and mirrors them anew.
    func mirrorAnew(_ names: [String]) async throws {
        guard !names.isEmpty else { return }
        let sources = try await Self.topics(try await source.topics(names), source)
        let targets = try await Self.topics(try await target.topics(names), target)
        for name in names {
            guard let topic = sources[name] else { continue }
            if let mirror = targets[name] {
                guard mirror.standing.state == .mirroring, mirror.standing.link == settings.name else { continue }
                try await target.deleteTopic(name)
                logger.warning("\(settings.name): deleted mirror topic \(name), to mirror it anew")
            }
            let faults = try await apply([change(for: name, topic, settings: topics.settings(of: topic.settings))])
            // While the old one is still being deleted; the next look at topics makes it.
            for (topic, reason) in faults { logger.info("\(settings.name): \(topic): \(reason)") }
            table.restart(name)
        }
    }

    // MARK: What there is

    /// Partitions that both sides have.
    private func tellTable(_ mirrored: [String: Topic]) async throws {
        let there = try await target.topics(mirrored.keys.sorted())
        var leaders: [TopicPartition: BrokerID?] = [:]
        for (name, topic) in mirrored {
            let count = Int32(there[name]?.partitions.count ?? 0)
            for partition in topic.shape.partitions where partition.index < count {
                leaders[TopicPartition(topic: name, partition: partition.index)] = .some(partition.leader)
            }
        }
        table.follow(leaders)
    }

    private static func topics(
        _ shapes: [String: ClusterMetadata.Topic], _ cluster: Administrator
    ) async throws -> [String: Topic] {
        let settings = try await cluster.topicSettings(shapes.keys.sorted())
        var topics: [String: Topic] = [:]
        for (name, shape) in shapes {
            // One that was deleted meanwhile has none.
            if let settings = settings[name] { topics[name] = Topic(shape: shape, settings: settings) }
        }
        return topics
    }
}
