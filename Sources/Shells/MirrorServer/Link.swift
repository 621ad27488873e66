import ClusterModel
import Glibc
import Logging
import MartletClient
import Mirroring
import NIOCore

/// One link at work: follows topics, moves batches, writes heartbeats, offset syncs, checkpoints and positions.
///
/// A part that fails is tried again for ever, and stops no other. Nothing is lost by ending at any point: where a copy
/// goes on is derived from the target (``PartitionCopy``).
struct Link: Sendable {
    private static let syncsInterval = Duration.seconds(1)
    private static let positionsInterval = Duration.seconds(5)
    private static let drainLimit = Duration.seconds(5)
    private static let leadersInterval = Duration.seconds(1)

    let settings: LinkSettings
    let clients: LinkClients
    let provenance: Provenance
    let logger: Logger

    /// Works until it is cancelled; then writes down where it stands.
    func run() async {
        let health = LinkHealth(link: settings.name, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            if let interval = settings.heartbeatsInterval {
                group.addTask { await heartbeats(every: interval, health) }
            }
            if settings.isEnabled { group.addTask { await copy(health) } }
        }
        await clients.close()
    }

    // MARK: Copying

    private func copy(_ health: LinkHealth) async {
        let table = PartitionTable(health: health)
        let store = PositionStore(
            target: clients.target, group: MirroredPosition.group(source: settings.source), table: table)
        guard let stored = await untilDone("positions", health, { try await store.load() }) else { return }
        let follower = TopicFollower(
            settings: settings, clients: clients, table: table, stored: stored, provenance: provenance, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pumps(table, store, health) }
            group.addTask { await follow(follower, health) }
            group.addTask { await repeatedly(Self.positionsInterval, "positions", health) { try await store.store() } }
            addEmitters(to: &group, table, health)
        }
        await Self.drain(table)
        do {
            try await store.store()
        } catch {
            logger.warning("\(settings.name): positions were not written down: \(error)")
        }
    }

    /// Waits for the answers still to come, though the task has been cancelled.
    private static func drain(_ table: PartitionTable) async {
        await Task {
            let deadline = ContinuousClock.now + drainLimit
            while table.underWayInBytes > 0 && ContinuousClock.now < deadline {
                await table.idle.wait(atMost: leadersInterval)
            }
        }.value
    }

    private func addEmitters(to group: inout TaskGroup<Void>, _ table: PartitionTable, _ health: LinkHealth) {
        if settings.emitsOffsetSyncs {
            let isAtSource = settings.syncsLocation == .source
            let topic = InternalTopic(
                settings.plan.policy.offsetSyncsTopic(other: isAtSource ? settings.target : settings.source),
                in: isAtSource ? clients.source : clients.target, replicas: settings.replication.offsetSyncs)
            group.addTask {
                await repeatedly(Self.syncsInterval, "offset syncs", health) {
                    let syncs = table.takeSyncs().map { ($0.key, $0.value) }
                    try await topic.write(syncs, unixMilliseconds: Self.unixMilliseconds())
                }
            }
        }
        let checkpointer = Checkpointer(settings, clients, table)
        if let interval = settings.checkpointsInterval {
            group.addTask {
                await repeatedly(interval, "checkpoints", health) {
                    try await checkpointer.emit(unixMilliseconds: Self.unixMilliseconds())
                }
            }
        }
        if let interval = settings.groupOffsetsInterval {
            group.addTask { await repeatedly(interval, "group offsets", health) { try await checkpointer.commit() } }
        }
    }

    /// Keeps one pump for each broker of the source that leads anything.
    private func pumps(_ table: PartitionTable, _ store: PositionStore, _ health: LinkHealth) async {
        let locator = Locator(
            source: clients.source, target: clients.target, table: table, store: store,
            storesFirst: settings.plan.policy.naming == .identity)
        let bell = table.changed.add()
        await withTaskGroup(of: Void.self) { group in
            var running: Set<BrokerID> = []
            while !Task.isCancelled {
                for broker in table.leaders.subtracting(running).sorted() {
                    running.insert(broker)
                    let pump = CopyPump(
                        broker: broker, source: clients.sourceData, target: clients.targetData, table: table,
                        locator: locator, health: health, bell: table.changed.add())
                    group.addTask { await pump.run() }
                }
                await bell.wait(atMost: Self.leadersInterval)
            }
        }
    }

    /// Looks for new topics and partitions, and for new leaders when something fails.
    private func follow(_ follower: TopicFollower, _ health: LinkHealth) async {
        let first: Void? = await untilDone("topics", health) { try await follower.follow(comparesSettings: true) }
        guard first != nil else { return }
        logger.info("\(settings.name): copies topics", metadata: ["partitions": "\(follower.table.partitionCount)"])
        var comparedAt = ContinuousClock.now
        var lookedAt = ContinuousClock.now
        while await pause(Self.leadersInterval) {
            let now = ContinuousClock.now
            guard now - lookedAt >= settings.topicsInterval || health.isFailing else { continue }
            let compares = settings.topicSettingsInterval.map { now - comparedAt >= $0 } ?? false
            do {
                try await follower.follow(comparesSettings: compares)
                lookedAt = now
                if compares { comparedAt = now }
                health.recovered("topics")
            } catch {
                health.failed("topics", "\(error)")
            }
        }
    }

    // MARK: Emitting

    private func heartbeats(every interval: Duration, _ health: LinkHealth) async {
        let topic = InternalTopic(
            ReplicationPolicy.heartbeatsTopic, in: clients.target, replicas: settings.replication.heartbeats)
        await repeatedly(interval, "heartbeats", health) {
            let now = Self.unixMilliseconds()
            let heartbeat = Heartbeat(source: settings.source, target: settings.target, unixMilliseconds: now)
            try await topic.write([(heartbeat.key, heartbeat.value)], unixMilliseconds: now)
        }
    }

    // MARK: Trying

    /// Does `work` at once and after every interval, until the task is cancelled.
    private func repeatedly(
        _ interval: Duration, _ part: String, _ health: LinkHealth, _ work: () async throws -> Void
    ) async {
        repeat {
            do {
                try await work()
                health.recovered(part)
            } catch {
                if !Task.isCancelled { health.failed(part, "\(error)") }
            }
        } while await pause(interval)
    }

    /// Tries until it succeeds; nil when the task is cancelled before.
    private func untilDone<Value: Sendable>(
        _ part: String, _ health: LinkHealth, _ work: () async throws -> Value
    ) async -> Value? {
        var wait = CopyEntry.firstBackoff
        repeat {
            do {
                let value = try await work()
                health.recovered(part)
                return value
            } catch {
                health.failed(part, "\(error)")
            }
            wait = min(wait * 2, CopyEntry.longestBackoff)
        } while await pause(wait)
        return nil
    }

    /// Whether the time has passed; false when the task was cancelled.
    private func pause(_ time: Duration) async -> Bool {
        do {
            try await Task.sleep(for: time)
            return true
        } catch {
            return false
        }
    }

    private static func unixMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
