import NIOCore
import Transport
import WireCoding
import ZooKeeperProtocol

/// One connection of a session: waits for the handshake's answer, proves who the session is, hands on what comes after
/// that, and sends pings.
///
///     greeting ─▶ authenticating (with a login) ─▶ serving        any ─▶ over
final class SessionConnection: ConnectionHandler {
    private enum Phase {
        case greeting
        case authenticating(SessionLogin)
        case serving
        case over
    }

    private let session: CoordinatorSession
    private let host: String
    /// Told at the end whether the server had served the session.
    private let ended: EventLoopPromise<Bool>
    private var phase = Phase.greeting
    /// What the server granted.
    private var timeout = TimeAmount.zero
    /// The end of the wait until it serves, then the pings.
    private var timer: RepeatedTask?
    private var lastHeard = NIODeadline.now()

    /// Called on the connection's event loop.
    /// - Parameters:
    ///   - host: the server's, as it was dialled.
    ///   - patience: how long the server may take to answer the handshake, and to look at credentials.
    init(
        _ session: CoordinatorSession, _ ended: EventLoopPromise<Bool>, _ connection: Connection, to host: String,
        patience: Duration
    ) {
        self.session = session
        self.host = host
        self.ended = ended
        timer = connection.eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(patience), delay: TimeAmount(patience)
        ) { _ in connection.close(.failed("no answer to the handshake within \(patience)")) }
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        lastHeard = .now()
        do throws(MalformedInput) {
            for frame in frames {
                switch phase {
                case .greeting: try receiveHandshake(frame, connection)
                case .authenticating(let login): try login.receive(frame)
                case .serving: try session.receive(frame)
                case .over: return
                }
            }
        } catch {
            connection.close(.badInput("the coordinator's message makes no sense: \(error)"))
        }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        timer?.cancel()
        let before = phase
        phase = .over
        if case .serving = before {
            session.lost(connection, reason.description)
            ended.succeed(true)
        } else {
            session.failed("\(connection.name): \(reason)")
            ended.succeed(false)
        }
    }

    private func receiveHandshake(_ frame: ByteBuffer, _ connection: Connection) throws(MalformedInput) {
        let answer = try WireReader.read(frame) { reader throws(MalformedInput) in
            try ConnectResponse(reading: &reader)
        }
        guard answer.timeout > 0 else {
            session.expired()
            return connection.close(.ended)
        }
        timeout = .milliseconds(Int64(answer.timeout))
        session.granted(answer)
        guard let settings = session.settings.login else { return serve(over: connection) }
        let login = SessionLogin(settings, to: host, over: connection) { [weak self] outcome in
            self?.authenticated(outcome, over: connection)
        }
        phase = .authenticating(login)
        login.start()
    }

    /// The connection may have ended meanwhile.
    private func authenticated(_ outcome: SessionLogin.Outcome, over connection: Connection) {
        guard case .authenticating = phase else { return }
        switch outcome {
        case .proven: serve(over: connection)
        case .refused(let reason):
            session.refused(reason)
            connection.close(.ended)
        case .failed(let reason): connection.close(.failed(reason))
        }
    }

    private func serve(over connection: Connection) {
        timer?.cancel()
        phase = .serving
        guard session.established(over: connection) else { return connection.close(.ended) }
        startPings(connection)
    }

    /// A ping each third of the timeout; two thirds without a sign of life end the connection, so that another server
    /// can be found before the session expires.
    private func startPings(_ connection: Connection) {
        let third = TimeAmount.nanoseconds(timeout.nanoseconds / 3)
        let handler = NIOLoopBound(self, eventLoop: connection.eventLoop)
        timer = connection.eventLoop.scheduleRepeatedTask(initialDelay: third, delay: third) { _ in
            if NIODeadline.now() - handler.value.lastHeard > .nanoseconds(2 * third.nanoseconds) {
                connection.close(.failed("no sign of life for two thirds of the session's timeout"))
            } else {
                connection.send(CoordinatorSession.message(.ping, xid: SpecialXID.ping))
            }
        }
    }
}
