import Telemetry

/// Answers for probes, of which Apache ZooKeeper has none: 200 or 503, told by who serves clients rather than by who
/// has a process.
enum Health: String {
    /// Whether clients are served: not while there is no quorum, the state is still being restored, or the disk has
    /// failed. For load balancers and readiness probes.
    case ready = "/health/ready"
    /// Whether the kernel goes on at all. A coordinator without a quorum is alive: to start it anew would not help.
    case live = "/health/live"

    /// `/health` alone asks for ``ready``.
    init?(path: String) {
        if path == "/health" { self = .ready } else { self.init(rawValue: path) }
    }

    func answer(seenThrough kernel: KernelWindow) -> HTTPAnswer {
        let role = kernel.look { loop, _ in loop.kernel.role }
        let isWell = self == .live ? role != nil : role?.isServing == true
        let text = JSONValue.object([
            .init("status", .text(isWell ? "ok" : "unavailable")), .init("role", role.map { .text($0.name) } ?? .null),
        ])
        return HTTPAnswer(status: isWell ? 200 : 503, contentType: "application/json", body: text.prettyText)
    }
}
