import ClusterModel
import Controller
import Logging
import MartletClient
import Mirroring
import NIOCore

/// Both ends of one link, for the tools that look after it; the mirror process need not run.
package struct LinkEnds: Sendable {
    package let settings: LinkSettings
    /// It speaks of topics by their names at the target.
    package let source: KafkaClient
    package let target: KafkaClient

    /// Finds a link, `source->target`, in a configuration, and asks its target what was decided about it.
    /// - Parameters:
    ///   - sourceTimeout: how long an operation at the source may take with its retries; nil as it is set.
    ///   - targetTimeout: the same at the target.
    ///   - movesHomes: whether topics have the names with which homes move.
    ///   - needsSource: whether the source has to answer too.
    ///   - patience: how long who has to answer is asked.
    /// - Throws: ``UnknownLink``, what is wrong with certificates, ``AbsentCluster``, or another fault of the target's.
    package static func open(
        _ name: String, in settings: MirrorSettings, sourceTimeout: Duration? = nil, targetTimeout: Duration? = nil,
        movesHomes: Bool = false, needsSource: Bool = false, within patience: Duration = .seconds(10),
        on group: any EventLoopGroup, logger: Logger
    ) async throws -> LinkEnds {
        let link = try settings.link(name)
        let asked = try LinkEnds(link, in: settings, (patience, patience), on: group, logger: logger)
        let decisions: LinkDecisions
        do {
            async let answer: Void = needsSource ? asked.askSource() : ()
            decisions = try await asked.decisions()
            try await answer
        } catch {
            await asked.close()
            throw error
        }
        await asked.close()
        var decided = settings.links(after: decisions).first { $0.name == name } ?? link
        if movesHomes { decided.names = decided.homeNames }
        return try LinkEnds(decided, in: settings, (sourceTimeout, targetTimeout), on: group, logger: logger)
    }

    /// What was decided about links to the target.
    private func decisions() async throws -> LinkDecisions {
        do {
            return try await DecisionReader.all(target).decisions.about(linksTo: settings.target)
        } catch let fault as ClientFault where fault.isRetriable {
            throw AbsentCluster(alias: settings.target, other: settings.source, fault: fault)
        }
    }

    private func askSource() async throws {
        do {
            _ = try await Administrator(source).describeCluster()
        } catch let fault as ClientFault where fault.isRetriable {
            throw AbsentCluster(alias: settings.source, other: settings.target, fault: fault)
        }
    }

    private init(
        _ link: LinkSettings, in settings: MirrorSettings, _ timeouts: (source: Duration?, target: Duration?),
        on group: any EventLoopGroup, logger: Logger
    ) throws {
        guard var source = settings.clusters[link.source], var target = settings.clusters[link.target] else {
            preconditionFailure("\(link.name) names a cluster without settings")
        }
        if let timeout = timeouts.source { source.giveUp(after: timeout) }
        if let timeout = timeouts.target { target.giveUp(after: timeout) }
        self.settings = link
        self.source = try KafkaClient(source, names: TopicNames.ofSource(link), group: group, logger: logger)
        self.target = try KafkaClient(target, group: group, logger: logger)
    }

    package func close() async {
        await source.close()
        await target.close()
    }

    /// Whether people mean a topic, who name topics as the source does.
    /// - Parameters:
    ///   - selection: nil for all.
    ///   - topic: its name at the target.
    func selects(_ topic: String, _ selection: NameSelection?) -> Bool {
        selection?.contains(settings.names.atSource(topic)) ?? true
    }

    /// Those of the target's topics that people mean. Throws ``OtherNames``.
    func selected(
        _ present: [String: ClusterMetadata.Topic], _ selection: NameSelection?
    ) throws(OtherNames) -> [String: ClusterMetadata.Topic] {
        let selected = present.filter { selects($0.key, selection) }
        if let selection, selected.isEmpty { try OtherNames.check(present.keys.filter(selection.contains), settings) }
        return selected
    }

    /// Those of the target's topics that the source has under other names than the link gives them, since those were changed;
    /// with these as they would be here.
    func otherNames(of topics: Set<String>) async throws -> [String: String] {
        if topics.isEmpty { return [:] }
        let ids = try await Administrator(target).topics(topics.sorted()).mapValues(\.id)
        let there = try await Administrator(source).topics()
        let byID = Dictionary(there.map { ($0.value.id, $0.key) }) { first, _ in first }
        return ids.filter { there[$0.key]?.id != $0.value }.compactMapValues { byID[$0] }
    }

    /// The topics at the target that came by this link, by name, sorted: mirror topics, and those promoted since.
    /// - Parameters:
    ///   - selection: nil for all.
    ///   - alsoGone: with those whose home has moved from the target to the source, and may be back.
    /// - Throws: also ``OtherNames``.
    func topics(_ selection: NameSelection?, alsoGone: Bool = false) async throws -> [(
        name: String, partitions: Int32, standing: MirrorStanding
    )] {
        let administrator = Administrator(target)
        let present = try await administrator.topics()
        let shapes = try selected(present, selection)
        let topicSettings = try await administrator.topicSettings(shapes.keys.sorted())
        return shapes.values.sorted { $0.name < $1.name }.compactMap { topic in
            let standing = MirrorStanding(topicSettings[topic.name] ?? [:])
            // Where the home has moved away again, another link has brought it.
            let isIts = standing.link == settings.name && standing.state != .fenced
            guard isIts || alsoGone && standing.link == settings.reverse else { return nil }
            return (topic.name, Int32(topic.partitions.count), standing)
        }
    }
}

extension ClientSettings {
    fileprivate mutating func giveUp(after timeout: Duration) {
        operationTimeout = min(operationTimeout, timeout)
        connectTimeout = min(connectTimeout, timeout)
    }
}

extension LinkEnds {
    /// - Parameter cause: why an exact link alone can do what is wanted.
    func checkIsExact(_ cause: String) throws(CompatibleLink) {
        if settings.mode == .compatible { throw CompatibleLink(link: settings.name, cause: cause) }
    }
}

/// Topics were named as the target has them.
package struct OtherNames: Error, CustomStringConvertible {
    package var description: String

    /// Throws when there are any of those that only the target calls so.
    fileprivate static func check(_ names: [String], _ link: LinkSettings) throws(OtherNames) {
        guard let name = names.min() else { return }
        let there = link.names.atSource(name)
        throw OtherNames(
            description:
                "topics go by their names at \(link.source)\(LinkNames.isMarked(there) ? "" : ": \(there)"), not \(name) "
                + "as at \(link.target)")
    }
}

/// What only an exact link can do was asked of a compatible one.
package struct CompatibleLink: Error, CustomStringConvertible {
    package var link: String
    package var cause: String

    package var description: String { "link \(link) is compatible: \(cause)" }
}

extension MirrorSettings {
    /// As the file has it. Throws ``UnknownLink``.
    func link(_ name: String) throws(UnknownLink) -> LinkSettings {
        guard let link = links.first(where: { $0.name == name }) else {
            throw UnknownLink(name: name, known: links.filter(\.isEnabled).map(\.name))
        }
        return link
    }
}

/// An end of a link does not answer.
package struct AbsentCluster: Error, CustomStringConvertible {
    package var alias: String
    /// The link's other end.
    package var other: String
    package var fault: ClientFault

    package var description: String { "\(alias) does not answer: \(fault)" }
}

/// No two clusters of the configuration make such a link.
package struct UnknownLink: Error, CustomStringConvertible {
    package var name: String
    package var known: [String]

    package var description: String {
        "there is no link \(name) in the configuration, only \(known.joined(separator: ", "))"
    }
}
