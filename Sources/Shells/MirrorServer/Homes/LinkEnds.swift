import ClusterModel
import Controller
import Logging
import MartletClient
import Mirroring
import NIOCore

/// Both ends of one link, for the tools that look after it; the mirror process need not run.
package struct LinkEnds: Sendable {
    package let settings: LinkSettings
    package let source: KafkaClient
    package let target: KafkaClient

    /// Finds a link, `source->target`, in a configuration, and asks its target what was decided about it.
    /// - Parameters:
    ///   - sourceTimeout: how long an operation at the source may take with its retries; nil as it is set.
    ///   - targetTimeout: the same at the target.
    /// - Throws: ``UnknownLink``, what is wrong with certificates, or a fault of the target's.
    package static func open(
        _ name: String, in settings: MirrorSettings, sourceTimeout: Duration? = nil, targetTimeout: Duration? = nil,
        on group: any EventLoopGroup, logger: Logger
    ) async throws -> LinkEnds {
        let link = try settings.link(name)
        let ends = try LinkEnds(link, in: settings, (sourceTimeout, targetTimeout), on: group, logger: logger)
        do {
            let decisions = try await DecisionReader.all(ends.target).decisions.about(linksTo: link.target)
            let decided = settings.links(after: decisions).first { $0.name == name }
            return LinkEnds(settings: decided ?? link, source: ends.source, target: ends.target)
        } catch {
            await ends.close()
            throw error
        }
    }

    private init(settings: LinkSettings, source: KafkaClient, target: KafkaClient) {
        self.settings = settings
        self.source = source
        self.target = target
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
        self.source = try KafkaClient(source, group: group, logger: logger)
        self.target = try KafkaClient(target, group: group, logger: logger)
    }

    package func close() async {
        await source.close()
        await target.close()
    }

    /// The topics at the target that came by this link, by name, sorted: mirror topics, and those promoted since.
    /// - Parameter selection: nil for all.
    func topics(_ selection: NameSelection?) async throws -> [(
        name: String, partitions: Int32, standing: MirrorStanding
    )] {
        let administrator = Administrator(target)
        let shapes = try await administrator.topics().filter { selection?.contains($0.key) ?? true }
        let topicSettings = try await administrator.topicSettings(shapes.keys.sorted())
        return shapes.values.sorted { $0.name < $1.name }.compactMap { topic in
            let standing = MirrorStanding(topicSettings[topic.name] ?? [:])
            // Where the home has moved away again, another link has brought it.
            guard standing.link == settings.name, standing.state != .fenced else { return nil }
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

/// No two clusters of the configuration make such a link.
package struct UnknownLink: Error, CustomStringConvertible {
    package var name: String
    package var known: [String]

    package var description: String {
        "there is no link \(name) in the configuration, only \(known.joined(separator: ", "))"
    }
}
