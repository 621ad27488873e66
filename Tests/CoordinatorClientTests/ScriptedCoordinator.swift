import Logging
import NIOCore
import NIOPosix
import Security
import Synchronization
import Transport
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorClient

/// A coordinator on a loopback port that grants sessions, notes what it is asked, and answers as the test says.
final class ScriptedCoordinator: Sendable {
    typealias Answer = @Sendable (ZooKeeperRequest) -> (ZooKeeperError, ZooKeeperReply)

    struct Asked: Sendable, Equatable {
        var xid: Int32
        var request: ZooKeeperRequest
    }

    struct State {
        var listener: Listener?
        var connections: [Connection] = []
        var handshakes: [ConnectRequest] = []
        var asked: [Asked] = []
        var sessions: Set<Int64> = []
        var lastSession: Int64 = 100
        var zxid: Int64 = 0
        /// Handshakes and requests are noted and not answered.
        var isSilent = false
    }

    static let group = MultiThreadedEventLoopGroup.singleton
    static let timeout: Int32 = 9000

    let state = Mutex(State())
    let grantedTimeout: Int32
    private let answer: Answer

    init(grantedTimeout: Int32 = timeout, answer: @escaping Answer = { _ in (.ok, .empty) }) {
        self.grantedTimeout = grantedTimeout
        self.answer = answer
    }

    func start(tls: TLSSettings? = nil) async throws {
        let settings = ListenerSettings(
            name: "CLIENT", host: "127.0.0.1", port: 0, securityProtocol: tls == nil ? .plaintext : .ssl, tls: tls)
        let listener = try await Listener.bind(settings, on: Self.group, logger: silentLogger) { _ in
            ScriptedConnection(self)
        }
        state.withLock { $0.listener = listener }
    }

    func stop() async throws {
        try await state.withLock { $0.listener }?.close()
    }

    var port: Int { state.withLock { $0.listener?.port ?? 0 } }
    var asked: [Asked] { state.withLock { $0.asked } }
    var handshakes: [ConnectRequest] { state.withLock { $0.handshakes } }

    /// A session that has been started.
    func session(
        chroot: String = "", events: @escaping @Sendable (SessionEvent) -> Void = { _ in }
    ) async throws -> CoordinatorSession {
        let settings = try CoordinatorSettings(connect: "127.0.0.1:\(port)\(chroot)")
        let session = CoordinatorSession(settings, on: Self.group, logger: silentLogger, events: events)
        try await session.start()
        return session
    }

    /// Ends all connections; sessions live on.
    func dropConnections() {
        let connections = state.withLock { state in
            defer { state.connections = [] }
            return state.connections
        }
        for connection in connections { connection.close(.shutDown) }
    }

    func forgetSessions() { state.withLock { $0.sessions = [] } }

    func tell(_ event: WatchedEvent) {
        var writer = WireWriter()
        writer.int32(0)
        ZooKeeperReplyHeader(xid: SpecialXID.watchEvent, zxid: -1).write(to: &writer)
        event.write(to: &writer)
        let pieces = writer.framedPieces()
        for connection in state.withLock({ $0.connections }) { connection.send(pieces) }
    }

    // MARK: - On the connection's event loop

    func receiveHandshake(_ frame: ByteBuffer, on connection: Connection) throws(MalformedInput) {
        let request = try WireReader.read(frame) { reader throws(MalformedInput) in
            try ConnectRequest(reading: &reader)
        }
        let response = state.withLock { state -> ConnectResponse? in
            state.handshakes.append(request)
            if state.isSilent { return nil }
            state.connections.append(connection)
            let password = ByteBuffer(repeating: 7, count: 16)
            if request.sessionID == 0 {
                state.lastSession += 1
                state.sessions.insert(state.lastSession)
                return ConnectResponse(
                    timeout: grantedTimeout, sessionID: state.lastSession, password: password, readOnly: false)
            }
            let lives = state.sessions.contains(request.sessionID) && request.password == password
            return ConnectResponse(
                timeout: lives ? grantedTimeout : 0, sessionID: lives ? request.sessionID : 0, password: password,
                readOnly: false)
        }
        guard let response else { return }
        var writer = WireWriter()
        writer.int32(0)
        response.write(to: &writer)
        connection.send(writer.framedPieces())
    }

    func receive(_ frame: ByteBuffer, on connection: Connection) throws(MalformedInput) {
        let asked = try WireReader.read(frame) { reader throws(MalformedInput) -> Asked? in
            let header = try ZooKeeperRequestHeader(reading: &reader)
            guard let opCode = OpCode(rawValue: header.type),
                let request = try ZooKeeperRequest(opCode, reading: &reader)
            else { return nil }
            return Asked(xid: header.xid, request: request)
        }
        guard let asked else { throw MalformedInput(.custom("not a request"), at: 0) }
        let (zxid, isSilent) = state.withLock { state in
            state.asked.append(asked)
            state.zxid += 1
            return (state.zxid, state.isSilent)
        }
        guard !isSilent else { return }
        let (error, reply) = asked.request == .ping ? (.ok, .empty) : answer(asked.request)
        var writer = WireWriter()
        writer.int32(0)
        ZooKeeperReplyHeader(xid: asked.xid, zxid: zxid, error: error).write(to: &writer)
        if error == .ok { reply.write(to: &writer) }
        connection.send(writer.framedPieces())
        if asked.request == .closeSession { connection.close(.ended) }
    }
}

private final class ScriptedConnection: ConnectionHandler {
    private let coordinator: ScriptedCoordinator
    private var isGreeted = false

    init(_ coordinator: ScriptedCoordinator) { self.coordinator = coordinator }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        do throws(MalformedInput) {
            for frame in frames {
                if isGreeted {
                    try coordinator.receive(frame, on: connection)
                } else {
                    isGreeted = true
                    try coordinator.receiveHandshake(frame, on: connection)
                }
            }
        } catch {
            connection.close(.badInput("\(error)"))
        }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {}
}

let silentLogger = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }

/// Events in their order, for a test to await.
final class EventQueue: Sendable {
    let stream: AsyncStream<SessionEvent>
    private let continuation: AsyncStream<SessionEvent>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    var note: @Sendable (SessionEvent) -> Void {
        { [continuation] event in continuation.yield(event) }
    }

    /// The next `count` events.
    func next(_ count: Int) async -> [SessionEvent] {
        var events: [SessionEvent] = []
        for await event in stream {
            events.append(event)
            if events.count == count { break }
        }
        return events
    }
}
