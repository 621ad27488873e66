import Logging
import NIOCore

/// All links of one process.
package final class Mirror: Sendable {
    private let links: [Task<Void, Never>]

    private init(_ links: [Task<Void, Never>]) { self.links = links }

    /// Starts every link. Clusters that cannot be reached are waited for; unreadable certificates throw
    /// ``UnusableClient``.
    package static func start(
        _ settings: MirrorSettings, on group: any EventLoopGroup, logger: Logger
    ) throws -> Mirror {
        let provenance = Provenance()
        let links = try settings.links.map { link in
            guard let source = settings.clusters[link.source], let target = settings.clusters[link.target] else {
                preconditionFailure("\(link.name) names a cluster without settings")
            }
            return Link(
                settings: link,
                clients: LinkClients(
                    source: try ClusterClients(
                        link.source, source, lanes: link.mode == .compatible ? 1 : ExactPump.lanes, on: group,
                        logger: logger),
                    target: try ClusterClients(link.target, target, on: group, logger: logger)),
                provenance: provenance, logger: logger)
        }
        return Mirror(links.map { link in Task { await link.run() } })
    }

    /// Stops reading, writes down where every copy stands, and ends all connections.
    package func stop() async {
        for link in links { link.cancel() }
        for link in links { await link.value }
    }
}
