import ClusterModel
import Logging
import MartletClient
import Mirroring

/// A link that copies as MirrorMaker 2 does: moves batches, writes offset syncs, checkpoints and positions.
///
/// Nothing is lost by ending at any point: where a copy goes on is derived from the target (``PartitionCopy``).
struct CompatibleCopy: Sendable {
    private static let syncsInterval = Duration.seconds(1)
    private static let positionsInterval = Duration.seconds(1)
    /// Brokers forget what a group has committed long ago (`offsets.retention.minutes`).
    private static let allPositionsInterval = Duration.seconds(6 * 3600)
    private static let gapsInterval = Duration.seconds(1)
    private static let drainLimit = Duration.seconds(5)
    private static let drainInterval = Duration.seconds(1)

    let settings: LinkSettings
    let clients: LinkClients
    let provenance: Provenance
    let attempts: Attempts
    let sharing: LinkSharing
    let figures: LinkFigures
    let logger: Logger

    private var health: LinkHealth { attempts.health }

    /// Works until it is cancelled; then writes down where it stands.
    func run() async {
        guard await attempts.untilDone("clusters", { _ = try await clients.clusterIDs() }) != nil else { return }
        let table = PartitionTable(plan: settings.plan, health: health, lease: sharing.lease)
        let store = PositionStore(
            target: clients.target, group: WrittenPosition.group(source: settings.source), table: table)
        let follower = TopicFollower(
            settings: settings, clients: clients, table: table, provenance: provenance, health: health, logger: logger)
        let ledger = GapLedger(
            settings: settings, policy: settings.gapPolicy, target: clients.target, table: table, logger: logger)
        defer { provenance.release(settings.name) }
        let checkpointer = Checkpointer(settings, clients, table)
        figures.show(table, checkpointer, sharing: sharing)
        let course = LinkSharing.Course {
            table.remember(try await store.load())
        } letGo: {
            try await store.store()
        } newProducerID: {
            try await Locator.newProducer(clients.target)
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await sharing.run(table, course) }
            group.addTask { await pumps(table, store) }
            group.addTask { await table.changed.ring(every: Attempts.firstPause) }
            group.addTask { await keepLedger(ledger, store, table) }
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
                        "\(settings.name): copies topics", metadata: ["partitions": "\(table.partitionCount)"])
                }
            }
            group.addTask { await attempts.repeatedly(Self.positionsInterval, "positions") { try await store.store() } }
            group.addTask {
                await LinkFollowing(settings, source: clients.source, target: clients.target)
                    .run(attempts, sharing, logger)
            }
            group.addTask {
                while await Attempts.pause(Self.allPositionsInterval) { table.writeAllPositions() }
            }
            addEmitters(to: &group, table, checkpointer)
        }
        await Self.drain(table)
        do {
            try await store.store()
        } catch {
            logger.warning("\(settings.name): positions were not written down: \(error)")
        }
        await sharing.leave()
    }

    /// Writes gaps down as they are found, and then where copying goes on.
    private func keepLedger(_ ledger: GapLedger, _ store: PositionStore, _ table: PartitionTable) async {
        let bell = table.gaps.add()
        while !Task.isCancelled {
            do {
                if try await ledger.recordGaps() { try await store.store() }
                health.recovered("gaps")
            } catch {
                if !Task.isCancelled { health.failed("gaps", "\(error)") }
            }
            await bell.wait(atMost: Self.gapsInterval)
        }
    }

    /// Waits for the answers still to come, though the task has been cancelled.
    private static func drain(_ table: PartitionTable) async {
        await Task {
            let deadline = ContinuousClock.now + drainLimit
            while table.underWayInBytes > 0 && ContinuousClock.now < deadline {
                await table.idle.wait(atMost: drainInterval)
            }
        }.value
    }

    private func pumps(_ table: PartitionTable, _ store: PositionStore) async {
        let locator = Locator(
            source: clients.source, target: clients.target, table: table, store: store,
            sharedProducer: { sharing.producerID })
        await BrokerPumps.run({ table.leaders }, table.led.add()) { broker in
            let lanes = Lanes()
            return clients.sourceData.enumerated().map { lane, source -> @Sendable () async -> Void in
                let pump = CopyPump(
                    broker: broker, source: source, target: clients.targetData, table: table, locator: locator,
                    health: health, bell: table.changed.add(), lanes: lanes, lane: lane)
                return { await pump.run() }
            }
        }
    }

    private func addEmitters(
        to group: inout TaskGroup<Void>, _ table: PartitionTable, _ checkpointer: Checkpointer
    ) {
        if settings.emitsOffsetSyncs {
            let isAtSource = settings.syncsLocation == .source
            let topic = InternalTopic(
                settings.plan.policy.offsetSyncsTopic(other: isAtSource ? settings.target : settings.source),
                in: isAtSource ? clients.source : clients.target, replicas: settings.replication.offsetSyncs)
            group.addTask {
                await attempts.repeatedly(Self.syncsInterval, "offset syncs") {
                    let syncs = table.takeSyncs().map { ($0.key, $0.value) }
                    try await topic.write(syncs, unixMilliseconds: WallClock.unixMilliseconds())
                }
            }
        }
        if let interval = settings.checkpointsInterval {
            group.addTask {
                await attempts.repeatedly(interval, "checkpoints") {
                    try await checkpointer.emit(unixMilliseconds: WallClock.unixMilliseconds())
                }
            }
        }
        if let interval = settings.groupOffsetsInterval {
            group.addTask { await attempts.repeatedly(interval, "group offsets") { try await checkpointer.commit() } }
        }
    }
}
