import CoordinatorKernel
import Telemetry

/// Answers for probes, of which Apache ZooKeeper has none: 200 or 503, told by who serves clients rather than by who
/// has a process.
enum Health: String {
    /// Whether clients are well served: not while there is no quorum, the state is still being restored, or the disk
    /// is full or has failed. For load balancers and readiness probes.
    case ready = "/health/ready"
    /// Whether the kernel goes on at all. A coordinator without a quorum is alive: to start it anew would not help.
    case live = "/health/live"

    /// What the kernel knows of its own state.
    struct Condition: Sendable {
        var role: CoordinatorRole
        var hasRoom: Bool
    }

    /// `/health` alone asks for ``ready``.
    init?(path: String) {
        if path == "/health" { self = .ready } else { self.init(rawValue: path) }
    }

    func answer(seenThrough kernel: KernelWindow) -> HTTPAnswer {
        answer(kernel.look { loop, _ in Condition(role: loop.kernel.role, hasRoom: loop.kernel.hasRoom) })
    }

    /// - Parameter condition: nil of a kernel that does not answer.
    func answer(_ condition: Condition?) -> HTTPAnswer {
        let cause: String? =
            switch condition {
            case nil: "the coordinator does not answer"
            case .some(let condition) where self == .ready && !condition.role.isServing: WordAnswers.notServing
            case .some(let condition) where self == .ready && !condition.hasRoom:
                "the disk is full: changes are refused"
            case .some: nil
            }
        let text = JSONValue.object([
            .init("status", .text(cause == nil ? "ok" : "unavailable")),
            .init("role", condition.map { .text($0.role.name) } ?? .null),
            .init("cause", cause.map { .text($0) } ?? .null),
        ])
        return HTTPAnswer(
            status: cause == nil ? 200 : 503, contentType: "application/json", body: text.prettyText)
    }
}
