import Logging
import NIOCore
import Telemetry

/// All links of one process.
package final class Mirror: Sendable {
    private let links: [(figures: LinkFigures, work: Task<Void, Never>)]

    private init(_ links: [(figures: LinkFigures, work: Task<Void, Never>)]) { self.links = links }

    /// Figures of all links, those of one name together.
    package var metrics: [Metric] {
        let now = ContinuousClock.now
        let metrics = links.flatMap { $0.figures.metrics(at: now) }
        return Dictionary(grouping: metrics, by: \.name).sorted { $0.key < $1.key }.flatMap(\.value)
    }

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
            let health = LinkHealth(link: link.name, logger: logger)
            return Link(
                settings: link,
                clients: LinkClients(
                    source: try ClusterClients(
                        link.source, source, lanes: link.mode == .compatible ? 1 : ExactPump.lanes, on: group,
                        logger: logger),
                    target: try ClusterClients(link.target, target, on: group, logger: logger)),
                provenance: provenance, health: health, figures: LinkFigures(link: link.name, health: health),
                logger: logger)
        }
        return Mirror(links.map { link in (link.figures, Task { await link.run() }) })
    }

    /// Stops reading, writes down where every copy stands, and ends all connections.
    package func stop() async {
        for link in links { link.work.cancel() }
        for link in links { await link.work.value }
    }
}
