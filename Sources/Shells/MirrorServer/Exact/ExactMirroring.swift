import ClusterModel
import KafkaProtocolClusters
import Logging
import MartletClient
import Mirroring

/// A link that brings topics to its target as they are: with their ids, offsets and bytes.
///
/// Nothing is kept but at the target: its logs' ends are the positions, its topics' settings say whose they are. So
/// nothing is lost by ending at any point.
struct ExactMirroring: Sendable {
    private static let gapsInterval = Duration.seconds(1)
    private static let auditInterval = Duration.seconds(5)
    private static let auditedAtOnce = 2_000

    let settings: LinkSettings
    let policy: GapPolicy
    let clients: LinkClients
    let attempts: Attempts
    let sharing: LinkSharing
    let figures: LinkFigures
    let logger: Logger

    private var health: LinkHealth { attempts.health }

    /// Works until it is cancelled.
    func run() async {
        guard let clusters = await attempts.untilDone("clusters", { try await findClusters() }) else { return }
        let table = ExactTable(
            health: health, limits: settings.limits, recoveryLimits: settings.recoveryLimits, lease: sharing.lease)
        figures.show(table, sharing: sharing)
        let follower = ExactTopicFollower(
            settings: settings, clients: clients, clusters: clusters, table: table, health: health, logger: logger)
        let ledger = GapLedger(settings: settings, policy: policy, target: clients.target, table: table, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await sharing.run(table) }
            group.addTask { await pumps(table) }
            group.addTask { await table.changed.ring(every: Attempts.firstPause) }
            group.addTask { await confirm(table) }
            group.addTask {
                await attempts.repeatedly(Self.auditInterval, "what the target has") { try await audit(table) }
            }
            group.addTask { await keepLedger(ledger, follower, table) }
            group.addTask {
                await sharing.settled()
                await attempts.look(every: settings.topicsInterval, settingsEvery: settings.topicSettingsInterval) {
                    let changesTopics = sharing.hasDuties
                    try await follower.follow(comparesSettings: $0, changesTopics: changesTopics)
                    sharing.looked(withDuties: changesTopics, table)
                } isUrgent: {
                    sharing.wantsLook(table)
                } begun: {
                    logger.info(
                        "\(settings.name): copies topics", metadata: ["partitions": "\(table.partitions.count)"])
                }
            }
            if let interval = settings.groupOffsetsInterval {
                let groups = ExactGroups(settings: settings, clients: clients, table: table)
                group.addTask {
                    await attempts.repeatedly(interval, "group offsets") {
                        if sharing.hasDuties { try await groups.follow() }
                    }
                }
            }
            group.addTask {
                await LinkFollowing(settings, source: clients.source, target: clients.target)
                    .run(attempts, sharing, logger)
            }
        }
        await sharing.leave()
    }

    /// The ids of both clusters. Throws when there is no exact mirroring between them.
    private func findClusters() async throws -> ExactTopicFollower.Clusters {
        guard case (let source?, let target?) = try await clients.clusterIDs() else {
            throw UnfitClusters("a cluster does not tell its id")
        }
        // Says in its own words when the target is none of Martlet's.
        _ = try await clients.target.connection(for: .any).version(of: MirrorAppendRequest.self)
        return ExactTopicFollower.Clusters(sourceID: source, targetID: target)
    }

    private func pumps(_ table: ExactTable) async {
        let locator = ExactLocator(
            link: settings.name, source: clients.source, target: clients.target, table: table)
        await BrokerPumps.run({ table.leaders }, table.led.add()) { broker in
            let lanes = Lanes()
            return clients.sourceData.enumerated().map { lane, source -> @Sendable () async -> Void in
                let pump = ExactPump(
                    broker: broker, link: settings.name, source: source, target: clients.targetData, table: table,
                    locator: locator, health: health, bell: table.changed.add(), lanes: lanes, lane: lane)
                return { await pump.run() }
            }
        }
    }

    /// Lets the source answer those who wait for this link.
    private func confirm(_ table: ExactTable) async {
        await BrokerPumps.run({ table.leaders }, table.led.add()) { broker in
            let confirming = ExactConfirming(
                broker: broker, settings: settings, source: clients.source, target: clients.target, table: table,
                health: health, bell: table.commits.add())
            return [{ await confirming.run() }]
        }
    }

    /// Asks the target whether it still has what it has acknowledged, where nothing else would tell.
    private func audit(_ table: ExactTable) async throws {
        let still = table.standingStill()
        for start in stride(from: 0, to: still.count, by: Self.auditedAtOnce) {
            let some = still[start..<min(start + Self.auditedAtOnce, still.count)]
            let standings = try await Administrator(clients.target).describeMirrors(some.map(\.partition))
            for one in some {
                guard let stands = standings[one.partition] else { continue }
                table.stands(
                    one,
                    ExactPartition.Told(
                        logStart: stands.logStart, end: stands.end, highWatermark: stands.highWatermark))
            }
        }
    }

    /// Writes gaps down as they are found, and mirrors anew what cannot be mended otherwise.
    private func keepLedger(_ ledger: GapLedger, _ follower: ExactTopicFollower, _ table: ExactTable) async {
        let bell = table.gaps.add()
        while !Task.isCancelled {
            do {
                try await ledger.recordGaps()
                try await follower.mirrorAnew(table.topicsToMirrorAnew())
                health.recovered("gaps")
            } catch {
                if !Task.isCancelled { health.failed("gaps", "\(error)") }
            }
            await bell.wait(atMost: Self.gapsInterval)
        }
    }
}

/// Why there is no exact mirroring between two clusters.
struct UnfitClusters: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }

    static func same(_ cluster: String) -> UnfitClusters {
        UnfitClusters("both ends of the link are cluster \(cluster): name another cluster's brokers for one")
    }
}
