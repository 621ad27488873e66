import Synchronization
import Telemetry

/// What one link shows to monitoring, from the start of the process on.
final class LinkFigures: Sendable {
    private struct Shown {
        var health: LinkHealth
        /// nil before it is known what was decided about it.
        var settings: LinkSettings?
        var table: ExactTable?
    }

    let link: String
    private let shown: Mutex<Shown>

    init(link: String, health: LinkHealth) {
        self.link = link
        shown = Mutex(Shown(health: health))
    }

    /// Of the link as it was last begun.
    var health: LinkHealth { shown.withLock { $0.health } }

    /// That is what the link does from now on, and what goes wrong with it; partitions are shown when they are there.
    func show(_ settings: LinkSettings, _ health: LinkHealth) {
        shown.withLock { $0 = Shown(health: health, settings: settings) }
    }

    /// From now on the link's partitions are there.
    func show(_ table: ExactTable) { shown.withLock { $0.table = table } }

    func metrics(at now: ContinuousClock.Instant) -> [Metric] {
        let (health, settings, table) = shown.withLock { ($0.health, $0.settings, $0.table) }
        let label = [Metric.Label("link", link)]
        var metrics = [
            Metric.gauge(
                "martlet_mirror_failing_parts", health.failingCount, "Parts of the link that fail and are tried again."
            )
            .of(label)
        ]
        if let settings, settings.isOfInterest {
            metrics += LinkState.allCases.map { state in
                Metric.gauge(
                    "martlet_mirror_link_state", settings.state == state ? 1 : 0, "1 for what the link does now."
                )
                .of(label + [Metric.Label("state", state.rawValue)])
            }
        }
        return metrics + (table?.figures().metrics(link: link, at: now) ?? [])
    }
}

/// Prometheus' port of a mirror.
package struct MirrorMetricsSettings: Sendable, Equatable {
    /// Empty for all addresses.
    package var host: String
    package var port: Int
}
