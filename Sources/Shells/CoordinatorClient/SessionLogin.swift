import NIOCore
import NIOPosix
import Synchronization
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
    private let exchange: SessionExchange
    private let connection: Connection
    private let finish: (Outcome) -> Void
    private var isLastSent = false

    /// - Parameter finish: called once, on the connection's event loop.
    init(_ login: CoordinatorLogin, to host: String, over connection: Connection, finish: @escaping (Outcome) -> Void) {
        self.login = login
        exchange = SessionExchange(login, host: host)
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

    /// Off the event loop, for steps of Kerberos read files and ask its server.
    private func step(_ token: [UInt8]) {
        let login = NIOLoopBound(self, eventLoop: connection.eventLoop)
        let stepped = NIOThreadPool.singleton.runIfActive(eventLoop: connection.eventLoop) { [exchange] in
            exchange.step(token)
        }
        stepped.whenComplete { result in
            switch result {
            case .success(let outcome): login.value.take(outcome)
            case .failure(let error): login.value.finish(.failed("\(error)"))
            }
        }
    }

    private func take(_ outcome: Result<SASLStep, SASLFailure>) {
        switch outcome {
        case .success(.challenge(let token)): send(token)
        case .success(.done(let last?)):
            isLastSent = true
            send(last)
        case .success(.done(nil)): finish(.proven)
        case .failure(let failure): finish(.failed(failure.description))
        }
    }

    private func send(_ token: [UInt8]) {
        connection.send(CoordinatorSession.message(.sasl(token: ByteBuffer(bytes: token)), xid: Self.xid))
    }
}

/// The library's part of it, on any thread but on one at a time.
private final class SessionExchange: Sendable {
    private let login: CoordinatorLogin
    private let host: String
    private let exchange = Mutex<SASLClientExchange?>(nil)

    init(_ login: CoordinatorLogin, host: String) {
        self.login = login
        self.host = host
    }

    func step(_ token: [UInt8]) -> Result<SASLStep, SASLFailure> {
        exchange.withLock { current in
            do throws(SASLFailure) {
                let server = login.server(at: host)
                if current == nil {
                    current = try SASLClientExchange(login.credentials, service: server.service, host: server.host)
                }
                guard let current else { preconditionFailure("an exchange that was made is gone") }
                return .success(try current.step(token))
            } catch {
                return .failure(error)
            }
        }
    }
}
