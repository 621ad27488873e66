import ClusterModel
import Controller
import KafkaProtocol
import Logging
import MartletClient
import Mirroring
import Synchronization

/// Makes the target's mirror topics follow the source's topics, and tells the table which partitions there are.
final class ExactTopicFollower: Sendable {
    /// The clusters at both ends.
    struct Clusters: Sendable {
        var sourceID: String
        var targetID: String
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
    private let deletions = Mutex(DeletionWatch())

    init(
        settings: LinkSettings, clients: LinkClients, clusters: Clusters, table: ExactTable, health: LinkHealth,
        logger: Logger
    ) {
        self.settings = settings
        self.clusters = clusters
        topics = ExactTopics(settings.plan)
        source = Administrator(clients.source)
        target = Administrator(clients.target)
        self.table = table
        self.health = health
        self.logger = logger
    }

    /// One look at both clusters.
    /// - Parameters:
    ///   - comparesSettings: whether settings of topics that are mirrored already are compared too.
    ///   - changesTopics: whether what is found is also done; otherwise another process does it.
    func follow(comparesSettings: Bool, changesTopics: Bool) async throws {
        let names = settings.names
        let all = try await source.topics()
        let present = all.filter {
            let name = names.atSource($0.key)
            return settings.plan.topics.contains(name) && !settings.plan.policy.isInternal(name)
        }
        let sources = try await source.standing(present)
        let there = try await target.topics()
        let targets = try await target.standing(there.filter { sources[$0.key] != nil })
        let others = try await target.standing(underOtherNames: sources, there)
        var changes: [Administrator.MirrorChange] = []
        var made: [String] = []
        var fences: [Administrator.MirrorChange] = []
        var fencesAtTarget: [Administrator.MirrorChange] = []
        var mirrored: [String: ClusterMetadata.Topic] = [:]
        var leftOut: [String: String] = [:]
        for (name, topic) in sources.sorted(by: { $0.key < $1.key }) {
            let verdict = topics.verdict(
                on: names.atSource(name), source: topic, target: targets[name], other: others[name],
                link: settings.name,
                sourceID: clusters.sourceID, targetID: clusters.targetID,
                comparesSettings: comparesSettings && settings.plan.synchronizesSettings)
            switch verdict {
            case .mirror(let needed):
                mirrored[name] = present[name]
                if let needed { changes.append(change(for: name, topic.id, needed)) }
                if needed?.isNew ?? false { made.append(name) }
            case .fence(let homeEpoch):
                var fence = Administrator.MirrorChange.fence(name, homeEpoch: homeEpoch, newHome: clusters.targetID)
                fence.topicID = (targets[name] ?? others[name]?.topic)?.id ?? .zero
                fences.append(fence)
            case .fenceTarget(let homeEpoch):
                var fence = Administrator.MirrorChange.fence(name, homeEpoch: homeEpoch, newHome: clusters.sourceID)
                fence.topicID = topic.id
                fencesAtTarget.append(fence)
            case .leave: break
            case .blocked(let reason): leftOut["topic \(name)"] = reason
            }
        }
        if changesTopics {
            let known = Set(table.known.map(\.topic))
            let faults = try await apply(changes)
            leftOut.merge(faults) { $1 }
            // Where one of that name stood before, nothing of what was known of it holds for this one.
            for name in made where known.contains(name) && faults["topic \(name)"] == nil { table.restart(name) }
            leftOut.merge(try await fence(settings.source, source, fences, settings.name)) { $1 }
            leftOut.merge(try await fence(settings.target, target, fencesAtTarget, settings.reverse)) { $1 }
            // What the source has under another name, since those of the link were changed, is not deleted.
            let ids = Set(all.values.map(\.id))
            leftOut.merge(
                try await followDeletions(there.filter { all[$0.key] == nil && !ids.contains($0.value.id) })
            ) { $1 }
        }
        // Topics that are not the link's any more may have leases still; they are looked at only now and then.
        var leasable = sources
        if comparesSettings, changesTopics {
            let rest = all.filter { present[$0.key] == nil && !settings.plan.policy.isInternal($0.key) }
            leasable.merge(try await source.standing(rest)) { $1 }
        }
        let leases = try await HomeLeasing(settings: settings, source: source, target: target, logger: logger)
            .follow(Set(mirrored.keys), sources: leasable, targets: targets, changesTopics: changesTopics)
        leftOut.merge(leases.faults) { $1 }
        health.leavesOut(leftOut, of: "topics")
        health.tell(
            unmatched: settings.plan.patternsWithoutTopic(among: all.keys.map(names.atSource)), source: settings.source)
        let synchronous = mirrored.keys.filter { sources[$0]?.settings[Synchrony.linkKey] == settings.name }
        try await tellTable(mirrored, synchronous: Set(synchronous), leased: leases.leased)
    }

    /// Tells an old home of homes that have moved while it could not be told. Apache Kafka's brokers cannot be told at all.
    /// - Parameter link: by which they have moved away from there.
    /// - Returns: why topics are not fenced.
    private func fence(
        _ alias: String, _ oldHome: Administrator, _ fences: [Administrator.MirrorChange], _ link: String
    ) async throws -> [String: String] {
        guard !fences.isEmpty else { return [:] }
        var faults: [String: String] = [:]
        do {
            for (name, result) in try await oldHome.alterMirrors(fences, link: link) {
                switch result {
                case .success: logger.info("\(settings.name): \(alias) does not write \(name) any more")
                case .failure(let fault): faults["topic \(name)"] = "its old home is not fenced: \(fault)"
                }
            }
        } catch let fault as ClientFault where !fault.isRetriable {
            for fence in fences { faults["topic \(fence.topic)"] = "its old home is not fenced: \(fault)" }
        }
        return faults
    }

    /// Does with mirror topics whose source topics are gone as the policy says.
    /// - Parameter topics: the target's topics of which the source has shown none.
    /// - Returns: those that people have to decide about, and why.
    private func followDeletions(_ topics: [String: ClusterMetadata.Topic]) async throws -> [String: String] {
        let mirrors = try await target.standing(topics).filter { $0.value.standing.isMirror(of: settings.name) }
        let absent = mirrors.isEmpty ? [] : try await source.absent(mirrors.keys.sorted())
        let gone = deletions.withLock { $0.look(absent: absent) }
        switch settings.deletionPolicy {
        case .keep: return [:]
        case .ask:
            let reason = DeletionPolicy.question(ofTopicDeletedAt: settings.source)
            return Dictionary(uniqueKeysWithValues: gone.map { ("topic \($0)", reason) })
        case .follow:
            for name in gone {
                try await target.deleteTopic(name)
                logger.warning("\(settings.name): deleted mirror topic \(name), as \(settings.source) has deleted it")
            }
            return [:]
        }
    }

    // MARK: Changes

    private func change(
        for name: String, _ id: KafkaUUID, _ needed: TopicVerdict.Change
    ) -> Administrator.MirrorChange {
        var change = Administrator.MirrorChange(.mirror, name, homeEpoch: needed.homeEpoch)
        change.topicID = id
        change.sourceClusterID = clusters.sourceID
        change.partitionCount = needed.partitionCount
        change.replicationFactor = settings.replication.remoteTopics
        change.settings = needed.settings
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
        let sources = try await source.standing(try await source.topics(names))
        let targets = try await target.standing(try await target.topics(names))
        for name in names {
            guard let topic = sources[name] else { continue }
            if let mirror = targets[name] {
                guard mirror.standing.isMirror(of: settings.name) else { continue }
                try await target.deleteTopic(name)
                logger.warning("\(settings.name): deleted mirror topic \(name), to mirror it anew")
            }
            let faults = try await apply([change(for: name, topic.id, topics.creation(of: topic))])
            // While the old one is still being deleted; the next look at topics makes it.
            for (topic, reason) in faults { logger.info("\(settings.name): \(topic): \(reason)") }
            table.restart(name)
        }
    }

    // MARK: What there is

    /// Partitions that both sides have.
    private func tellTable(
        _ mirrored: [String: ClusterMetadata.Topic], synchronous: Set<String>, leased: Set<String>
    ) async throws {
        let there = try await target.topics(mirrored.keys.sorted())
        var leaders: [TopicPartition: BrokerID?] = [:]
        for (name, topic) in mirrored {
            let count = Int32(there[name]?.partitions.count ?? 0)
            for partition in topic.partitions where partition.index < count {
                leaders[TopicPartition(topic: name, partition: partition.index)] = .some(partition.leader)
            }
        }
        table.follow(leaders, synchronous: synchronous, leased: leased)
    }
}
