import ClusterModel
import Controller
import Logging
import MartletClient
import Mirroring
import NIOCore
import Settings

/// Gives orders about one link: writes what is decided to the link's target, where every mirror of that link reads it.
package struct LinkOrders: Sendable {
    private static let mostAttempts = 10
    private static let readingLimit = Duration.seconds(30)

    private let name: String
    private let settings: MirrorSettings
    private let group: any EventLoopGroup
    private let logger: Logger

    package init(_ name: String, in settings: MirrorSettings, on group: any EventLoopGroup, logger: Logger) {
        self.name = name
        self.settings = settings
        self.group = group
        self.logger = logger
    }

    /// Gives an order, and returns when its decision can be read.
    /// - Returns: the link as it is now, and clusters of which it is not known what was decided about links to them: a
    ///   mirror that knows better may refuse the order.
    /// - Throws: ``UnknownLink``, ``AbsentCluster``, a refusal of the order, or ``InvalidSettings``; then nothing was written.
    package func give(
        _ order: LinkOrder, reason: String?
    ) async throws -> (link: LinkSettings, unknown: [String: String]) {
        let link = try settings.link(name)
        guard let cluster = settings.clusters[link.target] else {
            preconditionFailure("\(name) names a cluster without settings")
        }
        try checkKeys(of: order)
        // What holds for the others decides whether there is a circle.
        let answers = await settings.askClusters(on: group, logger: logger)
        // One that is there and cannot tell yet is asked for longer.
        if let fault = answers.faults[link.target] as? ClientFault, fault.kind == .unreachable {
            throw AbsentCluster(alias: link.target, other: link.source, fault: fault)
        }
        let client = try KafkaClient(cluster, group: group, logger: logger)
        do {
            let decided = try await decide(order, reason, link, answers.decisions(except: link.target), at: client)
            await client.close()
            return (decided, answers.faults.mapValues { "\($0)" })
        } catch {
            await client.close()
            throw error
        }
    }

    /// Whether a key is none is found where files are checked too.
    private func checkKeys(of order: LinkOrder) throws(InvalidSettings) {
        let keys =
            switch order {
            case .set(let settings, let unset): settings.keys.sorted() + unset
            case .create(let settings): settings.keys.sorted()
            case .pause, .resume, .delete: [String]()
            }
        let problems = keys.compactMap { key -> String? in
            if key == LinkDecision.enabling { return "\(key): martlet mirror create, delete, pause or resume say so" }
            let hasNone = MirrorKeysWithoutEffect.ofLinks.contains { $0.names.contains(key) }
            return hasNone ? "\(key) has no effect on this mirror" : nil
        }
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
    }

    private func decide(
        _ order: LinkOrder, _ reason: String?, _ link: LinkSettings, _ others: LinkDecisions, at client: KafkaClient
    ) async throws -> LinkSettings {
        let topic = InternalTopic(
            DecisionReader.topic, in: client, replicas: link.replication.remoteTopics)
        var reader = try await DecisionReader.all(client)
        var before = reader.decisions.known[name]
        for _ in 0..<Self.mostAttempts {
            let begin = reader.position ?? 0
            let now = WallClock.unixMilliseconds()
            let decision = try order.decision(
                about: name, after: before, isEnabledByFile: link.isEnabled, reason: reason, at: now)
            let decided = try checked(link, decision, order, reader.decisions, others)
            let offset = try await topic.write(
                [(ByteBuffer(string: name), try decision.value())], unixMilliseconds: now)
            try await reader.read(until: offset, of: name, within: Self.readingLimit)
            // Somebody else's came between: what they want holds too.
            let overtaken = (reader.entries[name] ?? []).last { $0.offset >= begin && $0.offset < offset }
            guard let overtaken else { return decided }
            before = overtaken.known
        }
        throw ContestedLink(name: name)
    }

    /// The link as it is after a decision. Whatever was wrong before, a link that keeps no leases can be paused and deleted.
    private func checked(
        _ link: LinkSettings, _ decision: LinkDecision, _ order: LinkOrder, _ here: LinkDecisions,
        _ others: LinkDecisions
    ) throws -> LinkSettings {
        var all = others
        all.merge(here.about(linksTo: link.target))
        all.known[name] = decision
        all.unreadable[name] = nil
        guard let link = settings.links(after: all).first(where: { $0.name == name }) else {
            preconditionFailure("\(name) was there before it was decided about")
        }
        if order == .pause || order == .delete {
            guard link.homeLease == nil else {
                throw InvalidSettings(problems: [
                    "link \(name) keeps leases, so nobody could write at \(link.source) once it rests: martlet mirror set "
                        + "mirror.home.lease.ms=0 first, and wait until its topics there have no \(HomeLease.linkKey)"
                ])
            }
            return link
        }
        guard let refusal = link.refusal else { return link }
        throw InvalidSettings(problems: [refusal])
    }
}

/// Others have changed a link again and again.
struct ContestedLink: Error, CustomStringConvertible {
    var name: String

    var description: String { "others change link \(name) all the time: look at it, and try again" }
}

extension DecisionReader {
    /// Reads on until the record of that link at that offset was read.
    fileprivate mutating func read(until offset: Offset, of link: String, within limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        while !(entries[link]?.contains { $0.offset == offset } ?? false) {
            guard ContinuousClock.now < deadline else {
                throw ClientFault.refused(
                    .requestTimedOut, "link \(link)", "what was decided was written to \(Self.topic) and cannot be read"
                )
            }
            try await look()
        }
    }
}
