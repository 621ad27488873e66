import Logging
import MartletClient
import Mirroring

/// One link at work: brings topics to its target in one of two ways, and writes heartbeats.
///
/// A part that fails is tried again for ever, and stops no other.
struct Link: Sendable {
    let settings: LinkSettings
    let clients: LinkClients
    let provenance: Provenance
    let seat: MemberSeat
    let figures: LinkFigures
    let logger: Logger

    /// Works until it is cancelled.
    func run() async {
        let attempts = Attempts(health: figures.health)
        let sharing = LinkSharing(settings, clients, seat: seat, health: figures.health, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            if let interval = settings.heartbeatsInterval {
                group.addTask { await heartbeats(every: interval, sharing, attempts) }
            }
            if settings.state == .running { group.addTask { await bringTopics(sharing, attempts) } }
        }
        await clients.close()
    }

    private func bringTopics(_ sharing: LinkSharing, _ attempts: Attempts) async {
        switch settings.mode {
        case .compatible:
            await CompatibleCopy(
                settings: settings, clients: clients, provenance: provenance, attempts: attempts, sharing: sharing,
                figures: figures, logger: logger
            ).run()
        case .exact(let policy):
            await ExactMirroring(
                settings: settings, policy: policy, clients: clients, attempts: attempts, sharing: sharing,
                figures: figures, logger: logger
            ).run()
        }
    }

    private func heartbeats(every interval: Duration, _ sharing: LinkSharing, _ attempts: Attempts) async {
        let topic = InternalTopic(
            ReplicationPolicy.heartbeatsTopic, in: clients.target, replicas: settings.replication.heartbeats)
        await attempts.repeatedly(interval, "heartbeats") {
            // Nobody shares what rests.
            guard settings.state != .running || sharing.hasDuties else { return }
            let now = WallClock.unixMilliseconds()
            let heartbeat = Heartbeat(source: settings.source, target: settings.target, unixMilliseconds: now)
            try await topic.write([(heartbeat.key, heartbeat.value)], unixMilliseconds: now)
        }
    }
}
