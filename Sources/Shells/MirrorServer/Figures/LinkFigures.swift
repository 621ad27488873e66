import Synchronization
import Telemetry

/// What one link shows to monitoring, from its start on.
final class LinkFigures: Sendable {
    let link: String
    private let health: LinkHealth
    private let table = Mutex<ExactTable?>(nil)

    init(link: String, health: LinkHealth) {
        self.link = link
        self.health = health
    }

    /// From now on the link's partitions are there.
    func show(_ table: ExactTable) { self.table.withLock { $0 = table } }

    func metrics(at now: ContinuousClock.Instant) -> [Metric] {
        let failing = Metric.gauge(
            "martlet_mirror_failing_parts", health.failingCount, "Parts of the link that fail and are tried again.")
        let exact = table.withLock { $0 }?.figures().metrics(link: link, at: now) ?? []
        return [failing.of([Metric.Label("link", link)])] + exact
    }
}

/// Prometheus' port of a mirror.
package struct MirrorMetricsSettings: Sendable, Equatable {
    /// Empty for all addresses.
    package var host: String
    package var port: Int
}
