import Logging
import MartletClient
import Mirroring
import NIOCore
import Synchronization

/// The links of one process, each at work or at rest as the file and what was decided about it say. A new decision ends a
/// link and begins it again, which loses nothing, for where it goes on stands at its target.
final class RunningLinks: Sendable {
    private static let decisionsWait = Duration.milliseconds(500)
    private static let retryInterval = Duration.seconds(1)

    private struct State {
        /// By the clusters that keep them; those that could not be read yet are absent.
        var decisions: [String: LinkDecisions] = [:]
        /// Counts changes of them.
        var version = 0
    }

    /// One that was begun.
    private struct Running {
        var settings: LinkSettings
        var work: Task<Void, Never>
    }

    private let settings: MirrorSettings
    /// By the links' names.
    private let figures: [String: LinkFigures]
    /// For the decisions, by the clusters that keep them.
    private let clients: [String: KafkaClient]
    private let group: any EventLoopGroup
    private let logger: Logger
    private let provenance = Provenance()
    private let seat: MemberSeat
    private let state = Mutex(State())
    private let changed = Bell()

    /// Throws ``UnusableClient``.
    init(_ settings: MirrorSettings, on group: any EventLoopGroup, logger: Logger) throws {
        self.settings = settings
        self.group = group
        self.logger = logger
        seat = MemberSeat.take(settings.memberName, configuration: settings.file.path)
        figures = Dictionary(
            uniqueKeysWithValues: settings.links.map { link in
                let health = LinkHealth(link: link.name, logger: logger)
                return (link.name, LinkFigures(link: link.name, health: health))
            })
        // All of them, so that what cannot be used is found before anything begins.
        var clients: [String: KafkaClient] = [:]
        for (alias, cluster) in settings.clusters {
            clients[alias] = try ClusterClients.client(alias, cluster, on: group, logger: logger)
        }
        self.clients = clients
    }

    /// Of all links, by name.
    var allFigures: [LinkFigures] { figures.sorted { $0.key < $1.key }.map(\.value) }

    /// Works until it is cancelled; then every link writes down where it stands and ends.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for target in settings.targetAliases {
                if let client = clients[target] { group.addTask { await self.followDecisions(at: target, client) } }
            }
            group.addTask { await self.keep() }
        }
        for (_, client) in clients { await client.close() }
    }

    // MARK: Decisions

    private func followDecisions(at target: String, _ client: KafkaClient) async {
        let concerned = figures.filter { $0.key.hasSuffix("->\(target)") }.map(\.value)
        var reader = DecisionReader(client, waiting: Self.decisionsWait)
        while !Task.isCancelled {
            let fault = await Self.look(&reader)
            if let fault {
                client.forgetPlaces()
                if !Task.isCancelled { for link in concerned { link.health.failed("what was decided", fault) } }
            } else {
                for link in concerned { link.health.recovered("what was decided") }
                if reader.isComplete { take(reader.decisions.about(linksTo: target), from: target) }
            }
            // At the end of the topic a look waits by itself.
            if fault != nil || reader.position == nil { _ = await Attempts.pause(Self.decisionsWait) }
        }
    }

    /// Returns what went wrong.
    private static func look(_ reader: inout DecisionReader) async -> String? {
        do {
            try await reader.look()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func take(_ decisions: LinkDecisions, from target: String) {
        let isNew = state.withLock { state in
            guard state.decisions[target] != decisions else { return false }
            state.decisions[target] = decisions
            state.version += 1
            return true
        }
        if isNew { changed.ring() }
    }

    /// The links to clusters of which it is known what was decided.
    private func links(_ decisions: [String: LinkDecisions]) -> [LinkSettings] {
        var all = LinkDecisions()
        for (_, some) in decisions { all.merge(some) }
        return settings.links(after: all).filter { decisions[$0.target] != nil }
    }

    // MARK: Links

    private func keep() async {
        var wanted: [LinkSettings] = []
        var running: [String: Running] = [:]
        var version = 0
        while !Task.isCancelled {
            let (decisions, now) = state.withLock { ($0.decisions, $0.version) }
            if now != version {
                version = now
                wanted = links(decisions)
                let news = wanted.filter { !(running[$0.name]?.settings.isDecided(like: $0) ?? false) }
                await end(news.compactMap { running.removeValue(forKey: $0.name) })
                for link in news { tell(link) }
            }
            for link in wanted where running[link.name] == nil { running[link.name] = begin(link) }
            await changed.wait(atMost: Self.retryInterval)
        }
        await end(Array(running.values))
    }

    private func end(_ links: [Running]) async {
        for link in links { link.work.cancel() }
        for link in links { await link.work.value }
    }

    /// Begins a link; one that has nothing to do ends at once. nil when its connections cannot be made.
    private func begin(_ settings: LinkSettings) -> Running? {
        guard let source = self.settings.clusters[settings.source], let figures = figures[settings.name],
            let target = self.settings.clusters[settings.target]
        else { preconditionFailure("\(settings.name) names a cluster without settings") }
        guard settings.hasWork else { return Running(settings: settings, work: Task {}) }
        do {
            let isShared = settings.sessionTimeout != nil && settings.state == .running
            func lone() throws -> KafkaClient {
                try ClusterClients.client(settings.target, target, on: group, logger: logger)
            }
            let link = Link(
                settings: settings,
                clients: LinkClients(
                    source: try ClusterClients(
                        settings.source, source, names: TopicNames.ofSource(settings), lanes: Lanes.most, on: group,
                        logger: logger),
                    target: try ClusterClients(settings.target, target, on: group, logger: logger),
                    sharing: isShared ? (joining: try lone(), living: try lone()) : nil),
                provenance: provenance, seat: seat, figures: figures, logger: logger)
            figures.health.recovered("connections")
            return Running(settings: settings, work: Task { await link.run() })
        } catch {
            figures.health.failed("connections", "\(error)")
            return nil
        }
    }

    /// Says what has become of a link.
    private func tell(_ link: LinkSettings) {
        figures[link.name]?.show(link, LinkHealth(link: link.name, logger: logger))
        guard link.decision != nil || link.refusal != nil else { return }
        let settings = link.decision?.settings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" } ?? []
        let cause = link.cause.map { ": \($0)" } ?? ""
        logger.log(
            level: link.refusal == nil ? .info : .error, "\(link.name): \(link.state.rawValue)\(cause)",
            metadata: settings.isEmpty ? [:] : ["settings": "\(settings.joined(separator: ", "))"])
    }
}

extension LinkSettings {
    /// Whether the same was decided about it, with the same outcome.
    fileprivate func isDecided(like other: LinkSettings) -> Bool {
        decision == other.decision && refusal == other.refusal
    }

    /// Whether anything is to be done for it now.
    fileprivate var hasWork: Bool {
        switch state {
        case .running: true
        case .disabled, .paused: heartbeatsInterval != nil
        case .deleted, .refused: false
        }
    }
}
