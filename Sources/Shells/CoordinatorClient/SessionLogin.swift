import NIOCore
import Transport
import WireCoding
import ZooKeeperProtocol

/// The exchange by which one connection proves who its session is, before anything else is asked over it.
///
///     start() ─▶ stepping ⇄ awaiting the server's token ─▶ over
final class SessionLogin {
    /// How it ends.
    enum Outcome: Sendable {
        case proven
        /// The server says no; it would again.
        case refused(String)
        /// It went wrong here, or the server does not do this.
        case failed(String)
    }

    /// Of all messages of an exchange.
    private static let xid: Int32 = 0

    private let login: CoordinatorLogin
    private let steps: SASLSteps<SASLClientExchange>
    private let connection: Connection
    private let finish: (Outcome) -> Void
    private var isLastSent = false

    /// - Parameter finish: called once, on the connection's event loop.
    init(_ login: CoordinatorLogin, to host: String, over connection: Connection, finish: @escaping (Outcome) -> Void) {
        self.login = login
        steps = SASLSteps { () throws(SASLFailure) in
            let server = login.server(at: host)
            return try SASLClientExchange(login.credentials, service: server.service, host: server.host)
        }
        self.connection = connection
        self.finish = finish
    }

    func start() { step([]) }

    /// Takes what the server answers.
    func receive(_ frame: ByteBuffer) throws(MalformedInput) {
        let (error, token) = try WireReader.read(frame) {
            reader throws(MalformedInput) -> (ZooKeeperError, ByteBuffer?) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            guard header.xid == Self.xid else {
                throw MalformedInput(.custom("no reply to a token of SASL"), at: reader.position)
            }
            guard header.error == .ok, case .token(let token) = try ZooKeeperReply(to: .sasl, reading: &reader) else {
                return (header.error, nil)
            }
            return (.ok, token)
        }
        guard error == .ok else { return finish(.refused("the coordinator does not accept \(login.credentials)")) }
        if isLastSent { return finish(.proven) }
        guard let token else { return finish(.failed("the coordinator does not authenticate by SASL")) }
        step(Array(token.readableBytesView))
    }

    private func step(_ token: [UInt8]) {
        steps.take(token, on: connection.eventLoop) { [self] outcome in
            switch outcome {
            case .success(.challenge(let token)): send(token)
            case .success(.done(let last?)):
                isLastSent = true
                send(last)
            case .success(.done(nil)): finish(.proven)
            case .failure(let failure): finish(.failed(failure.description))
            }
        }
    }

    private func send(_ token: [UInt8]) {
        connection.send(CoordinatorSession.message(.sasl(token: ByteBuffer(bytes: token)), xid: Self.xid))
    }
}
