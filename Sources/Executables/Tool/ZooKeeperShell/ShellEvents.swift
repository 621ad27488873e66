import CoordinatorClient
import Synchronization
import ZooKeeperProtocol

/// Says what happens to a session, and what its watches tell.
final class ShellEvents: Sendable {
    private struct State {
        weak var session: CoordinatorSession?
        /// Whether there was a connection before.
        var wasConnected = false
        /// The shell leaves the session: nothing is news any more.
        var isLeft = false
    }

    private let output: ShellOutput
    private let state = Mutex(State())

    init(_ output: ShellOutput) { self.output = output }

    func follow(_ session: CoordinatorSession) { state.withLock { $0.session = session } }

    func leave() { state.withLock { $0.isLeft = true } }

    func tell(_ event: SessionEvent) {
        let (session, isFirst, isLeft) = state.withLock { state in
            defer { if event == .connected { state.wasConnected = true } }
            return (state.session, !state.wasConnected, state.isLeft)
        }
        guard !isLeft else { return }
        switch event {
        case .connected:
            guard !isFirst, case .connected(let server, let isReadOnly) = session?.standing else { return }
            output.notice(
                "connected again, to \(server)\(isReadOnly ? " (read-only)" : ""): the session goes on",
                to: .complaints)
        case .disconnected: output.notice("lost the connection: trying to connect again", to: .complaints)
        case .expired:
            output.notice(
                "the session expired, and its ephemeral nodes are gone: 'connect' begins a new one", to: .complaints)
        case .notAuthenticated:
            output.notice("the session has ended: the coordinator does not accept its credentials", to: .complaints)
        case .changed(let event):
            guard output.showsWatches else { return }
            output.notice(Self.text(Self.name(of: event.kind), event.path), to: .results)
        }
    }

    /// A block as zkCli's.
    static func text(_ type: String, _ path: String) -> String {
        "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:\(type) path:\(path)"
    }

    private static func name(of kind: WatchedEvent.Kind) -> String {
        switch kind {
        case .nodeCreated: "NodeCreated"
        case .nodeDeleted: "NodeDeleted"
        case .nodeDataChanged: "NodeDataChanged"
        case .nodeChildrenChanged: "NodeChildrenChanged"
        }
    }
}
