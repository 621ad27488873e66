import Synchronization
import Telemetry

/// What one link shows to monitoring, from the start of the process on.
final class LinkFigures: Sendable {
    private struct Shown {
        var health: LinkHealth
        /// nil before it is known what was decided about it.
        var settings: LinkSettings?
        var table: (any CopyTable)?
        /// nil for links that write no checkpoints.
        var checkpointer: Checkpointer?
        /// nil before the link works.
        var sharing: LinkSharing?
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
    func show(_ table: any CopyTable, _ checkpointer: Checkpointer? = nil, sharing: LinkSharing) {
        shown.withLock { shown in
            shown.table = table
            shown.sharing = sharing
            shown.checkpointer = checkpointer
        }
    }

    func metrics(at now: ContinuousClock.Instant) -> [Metric] {
        let shown = shown.withLock { $0 }
        let label = [Metric.Label("link", link)]
        let faults = shown.health.faults
        var metrics = [
            Metric.gauge(
                "martlet_mirror_failing_parts", faults.count, "Parts of the link that fail and are tried again."
            )
            .of(label)
        ]
        metrics += shown.health.allLeftOut.sorted { $0.key < $1.key }.map { part, reason in
            Metric.gauge("martlet_mirror_left_out", 1, "What is not mirrored until somebody mends it, and why.")
                .of(label + [Metric.Label("part", part), Metric.Label("cause", reason)])
        }
        guard let settings = shown.settings else { return metrics }
        if settings.isOfInterest { metrics += Self.standing(settings).map { $0.of(label + $0.labels) } }
        if let standing = shown.sharing?.standing { metrics += Self.sharing(standing).map { $0.of(label + $0.labels) } }
        if let figures = shown.table?.figures() {
            metrics += figures.metrics(link: link, faults: faults, at: now)
            metrics += MirrorMakerFigures.metrics(figures, from: settings.source, to: settings.target, at: now)
        }
        if let checkpointer = shown.checkpointer {
            metrics += MirrorMakerFigures.metrics(
                checkpointer.allLatencies, from: settings.source, to: settings.target, at: now)
        }
        return metrics
    }

    private static func sharing(_ standing: LinkSharing.Standing) -> [Metric] {
        [
            Metric.gauge("martlet_mirror_members", standing.members, "Processes that share the link."),
            Metric.gauge("martlet_mirror_owned_partitions", standing.ownedCount, "Partitions that this one brings."),
            Metric.gauge(
                "martlet_mirror_generation", standing.generation,
                "How often the link's work was divided; -1 while this one has no part in it."),
            Metric.gauge(
                "martlet_mirror_has_duties", standing.hasDuties ? 1 : 0,
                "Whether this one does what is done once for a link."
            )
            .of([Metric.Label("member", standing.seat)]),
        ]
    }

    private static func standing(_ settings: LinkSettings) -> [Metric] {
        let states = LinkState.allCases.map { state in
            Metric.gauge("martlet_mirror_link_state", settings.state == state ? 1 : 0, "1 for what the link does now.")
                .of([Metric.Label("state", state.rawValue)])
        }
        let words = Metric.gauge("martlet_mirror_link_info", 1, "What the link is, and why it does what it does.")
            .of([
                Metric.Label("mode", settings.mode.name), Metric.Label("state", settings.state.rawValue),
                Metric.Label("cause", settings.cause ?? ""),
            ])
        return states + [words]
    }
}

/// Prometheus' port of a mirror.
package struct MirrorMetricsSettings: Sendable, Equatable {
    /// Empty for all addresses.
    package var host: String
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}
