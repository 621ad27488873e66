import Logging
import NIOCore
import Telemetry

/// All links of one process.
package final class Mirror: Sendable {
    private let links: RunningLinks
    private let work: Task<Void, Never>

    private init(_ links: RunningLinks) {
        self.links = links
        work = Task { await links.run() }
    }

    /// Figures of all links, those of one name together.
    package var metrics: [Metric] {
        let now = ContinuousClock.now
        let metrics = links.allFigures.flatMap { $0.metrics(at: now) }
        return Dictionary(grouping: metrics, by: \.name).sorted { $0.key < $1.key }.flatMap(\.value)
    }

    /// Begins every link as soon as its target has told what was decided about it. Clusters that cannot be reached are
    /// waited for; unreadable certificates throw ``UnusableClient``.
    package static func start(
        _ settings: MirrorSettings, on group: any EventLoopGroup, logger: Logger
    ) throws -> Mirror {
        Mirror(try RunningLinks(settings, on: group, logger: logger))
    }

    /// Stops reading, writes down where every copy stands, and ends all connections.
    package func stop() async {
        work.cancel()
        await work.value
    }
}
