import Logging
import NIOCore
import Security
import Synchronization
import Testing
import Transport
import ZooKeeperProtocol

@testable import CoordinatorClient

@Suite(.timeLimit(.minutes(1))) struct LoginTests {
    /// The server's side: an exchange at a time, begun anew with each empty token.
    private final class Door: Sendable {
        private let exchange = Mutex<SASLServerExchange?>(nil)
        /// Done once, before the next answer.
        let disturbance = Mutex<(@Sendable () -> Void)?>(nil)

        func answer(_ token: ByteBuffer?) -> (ZooKeeperError, ZooKeeperReply) {
            let disturb = disturbance.withLock { disturbance in
                defer { disturbance = nil }
                return disturbance
            }
            disturb?()
            let token = token.map { Array($0.readableBytesView) } ?? []
            return exchange.withLock { exchange in
                if token.isEmpty {
                    exchange = SASLServerExchange(
                        .digestMD5,
                        SASLServerSettings(service: "zookeeper", host: "zk-sasl-md5") { $0 == "bob" ? "secret" : nil })
                }
                do throws(SASLFailure) {
                    switch try exchange?.step(token) {
                    case .challenge(let answer): return (.ok, .token(ByteBuffer(bytes: answer)))
                    case .done(let last): return (.ok, .token(last.map { ByteBuffer(bytes: $0) }))
                    case nil: return (.authFailed, .empty)
                    }
                } catch {
                    return (.authFailed, .empty)
                }
            }
        }
    }

    private func coordinator(_ door: Door = Door()) async throws -> ScriptedCoordinator {
        let coordinator = ScriptedCoordinator { request in
            switch request {
            case .sasl(let token): door.answer(token)
            case .exists: (.noNode, .empty)
            default: (.ok, .empty)
            }
        }
        try await coordinator.start()
        return coordinator
    }

    private func session(
        _ coordinator: ScriptedCoordinator, _ password: String = "secret", events: EventQueue = EventQueue(),
        logger: Logger = silentLogger
    ) throws -> CoordinatorSession {
        var settings = try CoordinatorSettings(connect: "127.0.0.1:\(coordinator.port)")
        settings.login = CoordinatorLogin(.password(user: "bob", password: password))
        return CoordinatorSession(
            settings, on: ScriptedCoordinator.group, logger: logger, events: events.note)
    }

    /// What a session says of its first attempt that came to nothing; it goes on to try, and is then closed.
    private func complaint(_ coordinator: ScriptedCoordinator) async throws -> String {
        let lines = LineQueue()
        let session = try session(coordinator, logger: lines.logger)
        let started = Task { try await session.start() }
        let line = await lines.first { $0.hasPrefix("no connection to the coordinator") }
        session.end(.closed)
        await #expect(throws: CoordinatorError.closed) { try await started.value }
        return try #require(line)
    }

    private func asked(_ coordinator: ScriptedCoordinator) -> [ScriptedCoordinator.Asked] {
        coordinator.asked.filter { $0.request != .ping }
    }

    private func isToken(_ asked: ScriptedCoordinator.Asked) -> Bool {
        if case .sasl = asked.request { true } else { false }
    }

    @Test func eachConnectionProvesItselfBeforeItAsksForAnything() async throws {
        let coordinator = try await coordinator()
        let events = EventQueue()
        let session = try session(coordinator, events: events)
        try await session.start()
        #expect(asked(coordinator).count == 2 && asked(coordinator).allSatisfy(isToken))
        _ = await session.perform([.exists(path: "/a", watch: true)])
        coordinator.dropConnections()
        #expect(await events.next(3) == [.connected, .disconnected, .connected])
        _ = await session.perform([.exists(path: "/b", watch: false)])
        let again = asked(coordinator).dropFirst(3)
        #expect(again.prefix(2).allSatisfy(isToken))
        #expect(again.dropFirst(2).first?.xid == SpecialXID.setWatches)
        #expect(session.id == 101)
        await session.close()
        try await coordinator.stop()
    }

    @Test func aConnectionThatEndsDuringTheExchangeIsReplaced() async throws {
        let door = Door()
        let coordinator = try await coordinator(door)
        door.disturbance.withLock { $0 = { coordinator.dropConnections() } }
        let session = try session(coordinator)
        try await session.start()
        #expect(coordinator.handshakes.map(\.sessionID) == [0, 101])
        #expect(
            await session.perform([.exists(path: "/a", watch: false)]) == [.failure(.refused(.noNode, operation: 0))])
        await session.close()
        try await coordinator.stop()
    }

    @Test func whoIsNotAcceptedGivesUp() async throws {
        let coordinator = try await coordinator()
        let events = EventQueue()
        let session = try session(coordinator, "wrong", events: events)
        let refusal = CoordinatorError.notAuthenticated("the coordinator does not accept user bob of DIGEST-MD5")
        await #expect(throws: refusal) { try await session.start() }
        #expect(await events.next(1) == [.notAuthenticated])
        #expect(await session.perform([.ping]) == [.failure(refusal)])
        #expect(coordinator.handshakes.count == 1)
        try await coordinator.stop()
    }

    /// As Apache's does without a JAAS file.
    @Test func aCoordinatorThatKnowsNoSASLIsNotServed() async throws {
        let coordinator = ScriptedCoordinator { _ in (.ok, .token(nil)) }
        try await coordinator.start()
        #expect(try await complaint(coordinator).hasSuffix("the coordinator does not authenticate by SASL"))
        // Its one session goes on, however often it has come.
        #expect(coordinator.handshakes.dropFirst().allSatisfy { $0.sessionID == 101 })
        try await coordinator.stop()
    }

    @Test func aCoordinatorThatDoesNotKnowThePasswordIsNotTrusted() async throws {
        let door = Door()
        let coordinator = ScriptedCoordinator { request in
            guard case .sasl(let token?) = request, token.readableBytes > 0 else { return door.answer(nil) }
            return (.ok, .token(ByteBuffer(string: "rspauth=0123456789abcdef0123456789abcdef")))
        }
        try await coordinator.start()
        #expect(try await complaint(coordinator).contains("DIGEST-MD5: "))
        try await coordinator.stop()
    }

    @Test func serversOfKerberosAreCalledByTheirHosts() {
        var login = CoordinatorLogin(.ticketCache(path: nil))
        #expect(login.server(at: "one") == ("zookeeper", "one"))
        (login.service, login.host) = ("zk", "all")
        #expect(login.server(at: "one") == ("zk", "all"))
        login.credentials = .password(user: "bob", password: "secret")
        #expect(login.server(at: "one") == ("zookeeper", "zk-sasl-md5"))
    }
}

/// What is logged, for a test to await.
private struct LineQueue: Sendable {
    private let stream: AsyncStream<String>
    private let continuation: AsyncStream<String>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    var logger: Logger { Logger(label: "noted") { _ in Sink(continuation: continuation) } }

    func first(where isWanted: (String) -> Bool) async -> String? {
        for await line in stream where isWanted(line) { return line }
        return nil
    }

    private struct Sink: LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info
        let continuation: AsyncStream<String>.Continuation

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { continuation.yield("\(event.message)") }
    }
}
