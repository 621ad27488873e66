import Logging
import NIOCore
import Quorum
import Synchronization
import Transport
import WireCoding

/// Keeps up one link to a member: dials, greets, and dials again when the link has ended. From any thread.
///
/// resting —(dial)→ dialling —(connected; proof and hello sent)→ greeting —(welcomed)→ standing
///    ↑                │ no connection      │ refused, ended     │ ended
///    └── after a while ──────────────────────────────────────────┘        any —(stop)→ stopped
final class PeerDialer: Sendable {
    static let shortestPause = Duration.milliseconds(50)
    static let longestPause = Duration.seconds(1)

    /// What it asks of its owner.
    struct Owner: Sendable {
        var hello: @Sendable () -> PeerHello
        /// The link stands; the other side knows this ensemble's id, or none.
        var made: @Sendable (_ ensemble: [UInt8]) -> Void
        var lost: @Sendable () -> Void
    }

    struct Target: Sendable, Equatable {
        var host: String
        var port: Int
    }

    private enum Phase { case resting, dialling, greeting(Connection), standing(Connection), stopped }

    private struct State {
        var phase = Phase.resting
        var targets: [Target]
        /// Counts dialling, so that what an older attempt says does not count.
        var attempt = 0
        var pause = PeerDialer.shortestPause
        /// Why there is no link, as it was logged last.
        var cause: String?
    }

    private let member: MemberID
    private let kind: PeerLinkKind
    private let network: PeerNetwork
    private let owner: Owner
    private let state: Mutex<State>

    init(_ member: MemberID, _ kind: PeerLinkKind, _ targets: [Target], _ network: PeerNetwork, _ owner: Owner) {
        self.member = member
        self.kind = kind
        self.network = network
        self.owner = owner
        state = Mutex(State(targets: targets))
    }

    /// Begins to dial; once.
    func start() { dial() }

    /// Dials these from the next time on. A link that stands elsewhere is given up.
    func retarget(_ targets: [Target]) {
        let outdated: Connection? = state.withLock { state in
            guard state.targets != targets else { return nil }
            let current = state.targets[state.attempt % max(state.targets.count, 1)]
            state.targets = targets
            guard case .standing(let connection) = state.phase, !targets.contains(current) else { return nil }
            return connection
        }
        outdated?.close(.ended)
    }

    func stop() {
        let connection: Connection? = state.withLock { state in
            defer { state.phase = .stopped }
            switch state.phase {
            case .greeting(let connection), .standing(let connection): return connection
            case .resting, .dialling, .stopped: return nil
            }
        }
        connection?.close(.ended)
    }

    /// Sends frames over the link; false when there is none. A link that more is unsent on than it may be is given up.
    func send(_ frames: [RecordBytes]) -> Bool {
        let connection: Connection? = state.withLock { state in
            if case .standing(let connection) = state.phase { connection } else { nil }
        }
        guard let connection else { return false }
        connection.send(frames)
        guard connection.unsentBytes <= kind.unsentBytesBound else {
            connection.close(.failed("more than \(kind.unsentBytesBound) bytes wait to be sent"))
            return false
        }
        return true
    }

    private func dial() {
        let next: (attempt: Int, target: Target)? = state.withLock { state in
            guard case .resting = state.phase, !state.targets.isEmpty else { return nil }
            state.phase = .dialling
            state.attempt += 1
            return (state.attempt, state.targets[state.attempt % state.targets.count])
        }
        guard let (attempt, target) = next else { return }
        let settings = network.connectSettings(target, kind)
        Task {
            do {
                _ = try await Connector.connect(settings, on: network.group, logger: network.logger) { connection in
                    GreetingHandler(self, attempt, to: target.host, connection)
                }
            } catch {
                ended(attempt, "\(error)")
            }
        }
    }

    // MARK: What the link's handler tells

    /// Whether the connection is wanted; not when it has come too late.
    func connected(_ attempt: Int, _ connection: Connection) -> Bool {
        state.withLock { state in
            guard case .dialling = state.phase, state.attempt == attempt else { return false }
            state.phase = .greeting(connection)
            return true
        }
    }

    var hello: PeerHello { owner.hello() }

    /// By which this member shows those at `host` who it is; nil when it does not.
    func proof(to host: String) -> (mechanism: SASLMechanism, steps: SASLSteps<SASLClientExchange>)? {
        guard let authentication = network.authentication, authentication.provesItself else { return nil }
        return (authentication.mechanism, authentication.proof(to: host))
    }

    func welcomed(_ attempt: Int, _ welcome: PeerWelcome) {
        let isWanted = state.withLock { state in
            guard case .greeting(let connection) = state.phase, state.attempt == attempt else { return false }
            state.phase = .standing(connection)
            state.pause = Self.shortestPause
            state.cause = nil
            return true
        }
        guard isWanted else { return }
        network.logger.info("linked to the \(kind) of member \(member)")
        owner.made(welcome.ensemble)
    }

    /// The link of this attempt is no more, or never was.
    func ended(_ attempt: Int, _ cause: String) {
        enum Outcome { case nothing, lost, failed(isNews: Bool) }
        let (outcome, pause): (Outcome, Duration) = state.withLock { state in
            guard state.attempt == attempt else { return (.nothing, .zero) }
            let pause = state.pause
            switch state.phase {
            case .resting, .stopped: return (.nothing, .zero)
            case .standing:
                state.phase = .resting
                return (.lost, pause)
            case .dialling, .greeting:
                state.phase = .resting
                state.pause = min(pause * 2, Self.longestPause)
                defer { state.cause = cause }
                return (.failed(isNews: state.cause != cause), pause)
            }
        }
        switch outcome {
        case .nothing: return
        case .lost:
            network.logger.info("lost the link to the \(kind) of member \(member): \(cause)")
            owner.lost()
        case .failed(let isNews):
            network.logger.log(
                level: isNews ? .warning : .debug, "no link to the \(kind) of member \(member): \(cause)")
        }
        network.group.next().scheduleTask(in: TimeAmount(pause)) { self.dial() }
    }
}
