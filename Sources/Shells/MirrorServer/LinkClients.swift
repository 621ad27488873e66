import Logging
import MartletClient
import Mirroring
import NIOCore

/// The connections of one link.
struct LinkClients: Sendable {
    let source: KafkaClient
    let target: KafkaClient
    /// One for every lane of reading.
    let sourceData: [KafkaClient]
    let targetData: KafkaClient
    /// For the group in which processes share the link, at its target; nil when it is not shared.
    let sharing: (joining: KafkaClient, living: KafkaClient)?

    init(
        source: ClusterClients, target: ClusterClients, sharing: (joining: KafkaClient, living: KafkaClient)? = nil
    ) {
        self.source = source.questions
        self.target = target.questions
        sourceData = source.data
        targetData = target.data[0]
        self.sharing = sharing
    }

    /// The ids of both clusters, as far as they tell them.
    /// - Throws: also ``UnfitClusters`` when both are one: everything would be copied around for ever.
    func clusterIDs() async throws -> (source: String?, target: String?) {
        let source = try await Administrator(self.source).describeCluster().clusterID
        let target = try await Administrator(self.target).describeCluster().clusterID
        if let source, source == target { throw UnfitClusters.same(source) }
        return (source, target)
    }

    func close() async {
        let shared = sharing.map { [$0.joining, $0.living] } ?? []
        for client in [source, target, targetData] + sourceData + shared { await client.close() }
    }
}

/// The connections of a link to one cluster. Long reads and writes have connections of their own, so that questions
/// never wait behind them.
struct ClusterClients {
    let questions: KafkaClient
    let data: [KafkaClient]

    /// - Parameters:
    ///   - names: see ``TopicNames/ofSource(_:)``.
    ///   - lanes: how many connections to each broker carry data, at least one.
    /// - Throws: ``UnusableClient``.
    init(
        _ alias: String, _ settings: ClientSettings, names: TopicNames? = nil, lanes: Int = 1,
        on group: any EventLoopGroup, logger: Logger
    ) throws {
        questions = try Self.client(alias, settings, names: names, on: group, logger: logger)
        data = try (0..<lanes).map { _ in try Self.client(alias, settings, names: names, on: group, logger: logger) }
    }

    /// One connection to each broker.
    /// - Throws: ``UnusableClient``.
    static func client(
        _ alias: String, _ settings: ClientSettings, names: TopicNames? = nil, on group: any EventLoopGroup,
        logger: Logger
    ) throws -> KafkaClient {
        var settings = settings
        // The mirror tries for ever by itself; a cluster that is away must not hold up what concerns another.
        settings.operationTimeout = min(settings.operationTimeout, .seconds(5))
        settings.connectTimeout = min(settings.connectTimeout, .seconds(5))
        do {
            return try KafkaClient(settings, names: names, group: group, logger: logger)
        } catch {
            throw UnusableClient(alias: alias, reason: "\(error)")
        }
    }
}

extension TopicNames {
    /// How a link speaks of its source's topics: an exact one by their names at the target, so that a topic has one name
    /// in all of the link's work, and only what people say of the source's topics is translated (``LinkSettings/names``).
    /// nil for the source's own names: where they are the same, and for compatible links.
    static func ofSource(_ link: LinkSettings) -> TopicNames? {
        let names = link.names
        guard !names.areSame else { return nil }
        return TopicNames(there: { names.atSource($0) }, here: { names.atTarget($0) })
    }
}

/// A cluster cannot be spoken to as its settings say.
package struct UnusableClient: Error, Sendable, CustomStringConvertible {
    package var alias: String
    package var reason: String

    package var description: String { "the certificates of cluster \(alias) cannot be used: \(reason)" }
}
