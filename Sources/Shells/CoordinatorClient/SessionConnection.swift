import NIOCore
import Transport
import WireCoding
import ZooKeeperProtocol

/// One connection of a session: waits for the handshake's answer, hands on what comes after it, and sends pings.
final class SessionConnection: ConnectionHandler {
    private let session: CoordinatorSession
    /// Told at the end whether the server had granted the session.
    private let ended: EventLoopPromise<Bool>
    private var isGranted = false
    /// The end of the wait for the handshake, then the pings.
    private var timer: RepeatedTask?
    private var lastHeard = NIODeadline.now()

    /// Called on the connection's event loop.
    /// - Parameter patience: how long the server may take to answer the handshake.
    init(_ session: CoordinatorSession, _ ended: EventLoopPromise<Bool>, _ connection: Connection, patience: Duration) {
        self.session = session
        self.ended = ended
        timer = connection.eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(patience), delay: TimeAmount(patience)
        ) { _ in connection.close(.failed("no answer to the handshake within \(patience)")) }
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        lastHeard = .now()
        do throws(MalformedInput) {
            for frame in frames {
                if isGranted {
                    try session.receive(frame)
                } else {
                    try receiveHandshake(frame, connection)
                }
            }
        } catch {
            connection.close(.badInput("the coordinator's message makes no sense: \(error)"))
        }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        timer?.cancel()
        if isGranted {
            session.lost(connection, reason.description)
        } else {
            session.failed("\(connection.name): \(reason)")
        }
        ended.succeed(isGranted)
    }

    private func receiveHandshake(_ frame: ByteBuffer, _ connection: Connection) throws(MalformedInput) {
        let answer = try WireReader.read(frame) { reader throws(MalformedInput) in
            try ConnectResponse(reading: &reader)
        }
        timer?.cancel()
        guard answer.timeout > 0 else {
            session.expired()
            return connection.close(.ended)
        }
        isGranted = true
        guard session.established(answer, over: connection) else { return connection.close(.ended) }
        startPings(timeout: .milliseconds(Int64(answer.timeout)), connection)
    }

    /// A ping each third of the timeout; two thirds without a sign of life end the connection, so that another server
    /// can be found before the session expires.
    private func startPings(timeout: TimeAmount, _ connection: Connection) {
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
