import Logging
import NIOCore
import Seams
import Transport
import WireCoding
import ZooKeeperProtocol

/// One connection after the other, and what they tell the session.
extension CoordinatorSession {
    /// Runs until the session has ended.
    func keepConnected() async {
        var attempt = Int.random(in: settings.servers.indices)
        var failures = 0
        while !hasEnded {
            let served = await serve(by: settings.servers[attempt % settings.servers.count])
            attempt += 1
            failures = served ? 0 : failures + 1
            // The servers of one round follow each other without a pause, the rounds slower and slower.
            let (rounds, place) = failures.quotientAndRemainder(dividingBy: settings.servers.count)
            guard place == 0, !hasEnded else { continue }
            let pause = Duration.milliseconds(min(50 << min(rounds, 5), 1000))
            // Only cancellation, at the session's end, cuts it short.
            do { try await Task.sleep(for: pause) } catch { return }
        }
    }

    private var hasEnded: Bool {
        state.withLock { state in
            if case .ended = state.phase { true } else { false }
        }
    }

    /// One connection, until it ends. Returns whether the server served the session.
    private func serve(by server: CoordinatorSettings.Server) async -> Bool {
        let ended = group.any().makePromise(of: Bool.self)
        do {
            // All servers can be tried before the session expires.
            let timeout = min(self.timeout, settings.connectionTimeout) / settings.servers.count
            let connection = try await Connector.connect(
                ConnectSettings(host: server.host, port: server.port, tls: settings.tls, timeout: timeout),
                on: group, logger: logger
            ) { connection in SessionConnection(self, ended, connection, to: server.host, patience: timeout) }
            connection.send(handshake())
        } catch {
            failed("\(error)")
            ended.succeed(false)
        }
        do { return try await ended.futureResult.get() } catch {
            preconditionFailure("the end of a connection was reported as \(error)")
        }
    }

    private func handshake() -> [RecordBytes] {
        var request = ConnectRequest(timeout: Int32(clamping: settings.sessionTimeout.milliseconds))
        state.withLock { state in
            request.lastZxidSeen = state.lastZxid
            request.sessionID = state.hasSeenWritableServer ? state.sessionID : 0
            request.password = state.password
        }
        request.readOnly = settings.acceptsReadOnly
        var writer = WireWriter()
        writer.int32(0)
        request.write(to: &writer)
        return writer.framedPieces()
    }

    /// An attempt came to nothing. A reason is logged when it is another than the last.
    func failed(_ reason: String) {
        let isNews = state.withLock { state in
            guard case .connecting = state.phase else { return false }
            defer { state.lastFailure = reason }
            return state.lastFailure != reason
        }
        if isNews { logger.info("no connection to the coordinator: \(reason)") }
    }

    /// A server granted the session, or its continuation.
    func granted(_ answer: ConnectResponse) {
        state.withLock { state in
            guard case .connecting = state.phase else { return }
            state.sessionID = answer.sessionID
            state.password = answer.password
            state.timeout = .milliseconds(Int64(answer.timeout))
            state.isReadOnly = answer.readOnly == true
            if !state.isReadOnly { state.hasSeenWritableServer = true }
        }
    }

    /// The granted session may be used. Returns whether it wants the connection.
    func established(over connection: Connection) -> Bool {
        let waiting = state.withLock { state -> [Int: CheckedContinuation<Connected, Never>]? in
            guard case .connecting = state.phase else { return nil }
            state.phase = .connected(connection)
            state.lastFailure = ""
            // Before the watches: setting one may need the rights.
            for credential in state.credentials { send(Proof(credential: credential), over: connection, &state) }
            for request in state.watches.requests(since: state.lastZxid) {
                connection.send(Self.message(request, xid: SpecialXID.setWatches))
            }
            defer { state.waiting = [:] }
            return state.waiting
        }
        guard let waiting else { return false }
        logger.info("session 0x\(String(id, radix: 16)) with coordinator \(connection.name), timeout \(timeout)")
        events(.connected)
        for one in waiting.values { one.resume(returning: .success(())) }
        return true
    }

    /// An established connection has ended.
    func lost(_ connection: Connection, _ reason: String) {
        let lost = state.withLock { state -> (requests: CircularBuffer<Pending>, proofs: CircularBuffer<Proof>)? in
            guard case .connected(let current) = state.phase, current === connection else { return nil }
            state.phase = .connecting
            defer {
                state.pending = []
                state.proofs = []
            }
            return (state.pending, state.proofs)
        }
        guard let lost else { return }
        logger.warning("lost the connection to coordinator \(connection.name): \(reason)")
        events(.disconnected)
        for pending in lost.requests { pending.batch.answer(pending.index, .failure(.connectionLost(reason))) }
        for proof in lost.proofs { proof.batch?.answer(0, .failure(.connectionLost(reason))) }
    }

    /// The server has given the session up.
    func expired() {
        logger.warning("session 0x\(String(id, radix: 16)) expired at the coordinator")
        if end(.sessionExpired) { events(.expired) }
    }

    /// A server does not accept the credentials.
    func refused(_ reason: String) {
        logger.error("session 0x\(String(id, radix: 16)): \(reason)")
        if end(.notAuthenticated(reason)) { events(.notAuthenticated) }
    }

    /// ``CoordinatorSettings/connectionTimeout`` is over since the start.
    func giveUp() {
        let failure = state.withLock { state -> String? in
            guard case .connecting = state.phase, !state.waiting.isEmpty else { return nil }
            return state.lastFailure
        }
        guard let failure else { return }
        end(.connectionLost("none within \(settings.connectionTimeout): \(failure)"))
    }

    /// The end of the session. Returns false, and does nothing, when it has ended already.
    @discardableResult
    func end(_ error: CoordinatorError) -> Bool {
        let last = state.withLock { state -> State? in
            if case .ended = state.phase { return nil }
            let last = state
            state.phase = .ended(error)
            state.waiting = [:]
            state.pending = []
            state.proofs = []
            state.watches = SessionWatches()
            return last
        }
        guard let last else { return false }
        for one in last.waiting.values { one.resume(returning: .failure(error)) }
        for one in last.pending { one.batch.answer(one.index, .failure(error)) }
        for one in last.proofs { one.batch?.answer(0, .failure(error)) }
        if case .connected(let connection) = last.phase { connection.close(.ended) }
        last.driver?.cancel()
        return true
    }

    // MARK: - Messages

    /// The whole message, its length in front.
    static func message(_ request: ZooKeeperRequest, xid: Int32) -> [RecordBytes] {
        var writer = WireWriter()
        writer.int32(0)
        ZooKeeperRequestHeader(xid: xid, type: request.opCode.rawValue).write(to: &writer)
        request.write(to: &writer)
        return writer.framedPieces()
    }

    /// A message from the server, after the handshake.
    func receive(_ frame: ByteBuffer) throws(MalformedInput) {
        try WireReader.read(frame) { reader throws(MalformedInput) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            switch header.xid {
            case SpecialXID.ping: break
            case SpecialXID.watchEvent:
                var event = try WatchedEvent(reading: &reader)
                state.withLock { $0.watches.fired(event) }
                event.path = chroot.seen(event.path)
                events(.changed(event))
            case SpecialXID.auth: receiveVerdict(header.error)
            case SpecialXID.setWatches:
                if header.error != .ok { logger.error("watches are not set again: \(header.error)") }
            default: try receiveReply(header, &reader)
            }
        }
    }

    private func receiveReply(
        _ header: ZooKeeperReplyHeader, _ reader: inout WireReader
    ) throws(MalformedInput) {
        let pending = state.withLock { state -> Pending? in
            if header.zxid > 0 { state.lastZxid = max(state.lastZxid, header.zxid) }
            guard let oldest = state.pending.first, oldest.xid == header.xid else { return nil }
            state.watches.note(oldest.request, answeredWith: header.error)
            return state.pending.removeFirst()
        }
        guard let pending else { throw MalformedInput(.custom("a reply to another request than the oldest"), at: 0) }
        let result: Result<ZooKeeperReply, CoordinatorError>
        if header.error == .ok {
            do throws(MalformedInput) {
                let reply = try ZooKeeperReply(to: pending.request.opCode, reading: &reader)
                result = Self.failure(of: reply).map { .failure($0) } ?? .success(chroot.seen(reply))
            } catch {
                pending.batch.answer(pending.index, .failure(.connectionLost("\(error)")))
                throw error
            }
        } else {
            result = .failure(.refused(header.error, operation: 0))
        }
        // Before the server closes the connection, which would be taken for a loss.
        if pending.request == .closeSession { end(.closed) }
        pending.batch.answer(pending.index, result)
    }

    /// Why a multi failed: the operations before the one that did are answered with 0, those behind it with -2.
    private static func failure(of reply: ZooKeeperReply) -> CoordinatorError? {
        guard case .results(let results) = reply else { return nil }
        for (index, result) in results.enumerated() {
            if case .failed(let error) = result, error != .ok, error != .runtimeInconsistency {
                return .refused(error, operation: index)
            }
        }
        return nil
    }
}
