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

    /// Finds a link, `source->target`, in a configuration.
    /// - Parameter sourceTimeout: how long an operation at the source may take with its retries; nil as it is set.
    /// - Throws: ``UnknownLink``, or what is wrong with certificates.
    package init(
        _ name: String, in settings: MirrorSettings, sourceTimeout: Duration? = nil, on group: any EventLoopGroup,
        logger: Logger
    ) throws {
        guard let link = settings.links.first(where: { $0.name == name }), var source = settings.clusters[link.source],
            let target = settings.clusters[link.target]
        else {
            throw UnknownLink(name: name, known: settings.links.filter(\.isEnabled).map(\.name))
        }
        if let sourceTimeout {
            source.operationTimeout = min(source.operationTimeout, sourceTimeout)
            source.connectTimeout = min(source.connectTimeout, sourceTimeout)
        }
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

package struct UnknownLink: Error, CustomStringConvertible {
    package var name: String
    package var known: [String]

    package var description: String {
        "there is no link \(name) in the configuration, only \(known.joined(separator: ", "))"
    }
}
