import Logging
import NIOCore
import Quorum
import Synchronization
import Transport
import WireCoding

/// Keeps up one link to a member: dials, greets, and dials again when the link has ended. From any thread.
///
/// resting —(dial)→ dialling —(connected, hello sent)→ greeting —(welcomed)→ standing
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
                    GreetingHandler(self, attempt, connection)
                }
            } catch {
                ended(attempt, "\(error)")
            }
        }
    }

    // MARK: What the link's handler tells

    /// The hello to be sent; nil when the connection has come too late.
    fileprivate func connected(_ attempt: Int, _ connection: Connection) -> PeerHello? {
        let isWanted = state.withLock { state in
            guard case .dialling = state.phase, state.attempt == attempt else { return false }
            state.phase = .greeting(connection)
            return true
        }
        return isWanted ? owner.hello() : nil
    }

    fileprivate func welcomed(_ attempt: Int, _ welcome: PeerWelcome) {
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
    fileprivate func ended(_ attempt: Int, _ cause: String) {
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

/// A dialled connection: sends the hello, awaits the answer, and then only notices the end.
private final class GreetingHandler: ConnectionHandler {
    private let dialer: PeerDialer
    private let attempt: Int
    private var isWelcome = false
    private var refusal: String?
    private var patience: Scheduled<Void>?
    private var pulse: PeerPulse?

    init(_ dialer: PeerDialer, _ attempt: Int, _ connection: Connection) {
        self.dialer = dialer
        self.attempt = attempt
        guard let hello = dialer.connected(attempt, connection) else {
            connection.close(.ended)
            return
        }
        connection.send(hello.frame)
        patience = connection.eventLoop.scheduleTask(in: .seconds(2)) {
            connection.close(.failed("the member does not answer a hello"))
        }
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        pulse?.heard()
        for frame in frames {
            if isWelcome && frame.readableBytes == 0 { continue }
            guard !isWelcome, refusal == nil else {
                return connection.close(.badInput("a member that was dialled sent more than its answer"))
            }
            do {
                let welcome = try PeerWelcome(frame)
                patience?.cancel()
                refusal = welcome.refusal
                isWelcome = refusal == nil
                guard isWelcome else { return connection.close(.ended) }
                pulse = PeerPulse(connection)
                dialer.welcomed(attempt, welcome)
            } catch {
                return connection.close(.badInput("no answer to a hello: \(error)"))
            }
        }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        patience?.cancel()
        pulse?.stop()
        dialer.ended(attempt, refusal ?? reason.description)
    }
}
