import NIOCore
import Seams
import WireCoding
import ZooKeeperProtocol

extension CoordinatorKernel {
    /// Takes frames of a client.
    mutating func received(
        _ frames: [ByteBuffer], from id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard statistics[id]?.arrived(frames.count) != nil else { return }
        server.received += Int64(frames.count)
        for frame in frames {
            server.receivedBytes += Int64(frame.readableBytes + 4)
            take(frame, from: id, at: now, into: &effects)
        }
    }

    /// Takes a frame whose turn it is.
    mutating func take(
        _ frame: ByteBuffer, from id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        if requestsBehindTokens > 0, holdsBack(frame, of: id) { return }
        guard let phase = clients[id]?.phase else { return }
        switch phase {
        case .connecting:
            guard serving != .nothing else { return end(id, .close(id), at: now, into: &effects) }
            connect(frame, on: id, at: now, into: &effects)
        case .opening: getInLine(frame, nil, id)
        case .serving(let session): serve(frame, of: session, on: id, at: now, into: &effects)
        case .ending: break
        }
    }

    /// - Parameter isQueued: whether the frame was in line and is the next; else it may have to get in line.
    mutating func serve(
        _ frame: ByteBuffer, of session: Int64, on id: ConnectionID, isQueued: Bool = false, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        if isDeciding {
            tree.touch(session: session, at: now)
        } else if !isLocal(session) {
            ensemble?.asking.touched.insert(session)
        }
        localSessions.touch(session, at: now)
        let hasToWait = !isQueued && requestsInLine > 0 && clients[id]?.queue.isEmpty == false
        var header = ZooKeeperRequestHeader(xid: 0, type: 0)
        var opCode: OpCode?
        let request: ZooKeeperRequest?
        do {
            request = try WireReader.read(frame) { reader throws(MalformedInput) in
                header = try ZooKeeperRequestHeader(reading: &reader)
                opCode = OpCode(rawValue: header.type)
                return try opCode.flatMap { opCode throws(MalformedInput) in
                    try ZooKeeperRequest(opCode, reading: &reader)
                }
            }
        } catch {
            if hasToWait { return getInLine(frame, opCode, id) }
            guard frame.readableBytes >= 8, let opCode, opCode != .auth else {
                return end(id, .reject(id, cause: "no request: \(error)"), at: now, into: &effects)
            }
            // Nothing of the request has been looked at by the tree, so no zxid is used up.
            let asked = Asked(session: session, connection: id, xid: header.xid, opCode: opCode, arrived: now)
            return reply(.failure(.marshallingError), to: asked, at: now, into: &effects)
        }
        let asked = Asked(session: session, connection: id, xid: header.xid, opCode: opCode ?? .error, arrived: now)
        if let request, isRefusedEarly(request, on: id) {
            if hasToWait { return getInLine(frame, opCode, id) }
            return reply(.failure(.noAuth), to: asked, at: now, into: &effects)
        }
        if let request, isAdmitted(request, on: id), isForLeader(request, of: session),
            let question = request.questionForLeader(frame)
        {
            // What changes whom a client has proven to be must not be overtaken by what depends on it.
            if hasToWait && clients[id]?.waitingIdentities != 0 { return getInLine(frame, opCode, id) }
            if request.createsEphemeral { upgrade(session, at: now, into: &effects) }
            return ask(question, asked, of: request, isNext: isQueued, into: &effects)
        }
        if hasToWait { return getInLine(frame, opCode, id) }
        guard let request else {
            reply(.failure(.unimplemented), to: asked, zxid: -1, at: now, into: &effects)
            return end(id, .close(id), at: now, into: &effects)
        }
        guard isAdmitted(request, on: id) else {
            reply(.failure(.sessionClosedRequireSASLAuth), to: asked, zxid: 0, at: now, into: &effects)
            return end(id, .close(id), at: now, into: &effects)
        }
        if let fault = faultOfPlace(request, session) {
            return reply(.failure(fault), to: asked, at: now, into: &effects)
        }
        serve(request, asked, at: now, into: &effects)
    }

    /// Whether a request is one that this member's leader decides, if that is another.
    private func isForLeader(_ request: ZooKeeperRequest, of session: Int64) -> Bool {
        guard !isDeciding, serving == .readWrite, faultOfPlace(request, session) == nil else { return false }
        if case .closeSession = request { return !isLocal(session) }
        return true
    }

    /// Why a request cannot be served here, though it might elsewhere, or to another session.
    private func faultOfPlace(_ request: ZooKeeperRequest, _ session: Int64) -> ZooKeeperError? {
        if serving == .readOnly { return request.needsQuorum ? .notReadOnly : nil }
        let cannotUpgrade = isLocal(session) && settings.localSessions != .upgraded
        return cannotUpgrade && request.createsEphemeral ? .ephemeralOnLocalSession : nil
    }

    /// Whether a member refuses a change before anybody is asked.
    private func isRefusedEarly(_ request: ZooKeeperRequest, on id: ConnectionID) -> Bool {
        guard settings.checksAccessEarly, ensemble != nil, isAdmitted(request, on: id) else { return false }
        return tree.refuses(request, by: clients[id]?.identities ?? [])
    }

    /// Whether the client has shown who it is in a way that is good enough for `request` (`enforce.auth.enabled`).
    private func isAdmitted(_ request: ZooKeeperRequest, on id: ConnectionID) -> Bool {
        guard let schemes = settings.requiredSchemes else { return true }
        switch request {
        case .auth, .sasl: return true
        default: return clients[id]?.identities.contains { schemes.contains($0.scheme) } ?? false
        }
    }

    private mutating func serve(
        _ request: ZooKeeperRequest, _ asked: Asked, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard hasRoom || !isDeciding || !request.isChange else {
            return postpone(request, asked, at: now, into: &effects)
        }
        switch request {
        case .ping:
            var ping = asked
            ping.xid = SpecialXID.ping
            reply(.success(.empty), to: ping, at: now, into: &effects)
        case .sync(let path):
            let round = confirmationRound(at: now, into: &effects)
            reply(.success(.path(path)), to: asked, round: round, at: now, into: &effects)
        case .whoAmI:
            let identities = clients[asked.connection]?.shownIdentities ?? []
            reply(.success(.identities(identities)), to: asked, at: now, into: &effects)
        case .auth(let scheme, let credentials):
            authenticate(scheme, credentials, asked, at: now, into: &effects)
        case .sasl(let token): takeToken(token, asked, at: now, into: &effects)
        case .closeSession: closeSession(asked, at: now, into: &effects)
        case .reconfig:
            let identities = clients[asked.connection]?.identities ?? []
            let answer = decide(request, asked.session, identities, at: now, into: &effects)
            reply(answer, to: asked, at: now, into: &effects)
        default:
            if request.createsEphemeral { upgrade(asked.session, at: now, into: &effects) }
            askTree(request, asked, at: now, into: &effects)
        }
    }

    mutating func closeSession(_ asked: Asked, at now: Instant, into effects: inout [CoordinatorEffect]) {
        if isLocal(asked.session) {
            localSessions.remove(asked.session)
        } else if serving == .readWrite {
            change(.sessionClosed(asked.session), at: now, into: &effects)
        }
        reply(.success(.empty), to: asked, at: now, into: &effects)
        say(.report(.sessionClosed(asked.session)), at: now, into: &effects)
        end(asked.connection, .close(asked.connection), at: now, into: &effects)
    }

    private mutating func authenticate(
        _ scheme: String, _ credentials: ByteBuffer, _ asked: Asked, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        let id = asked.connection
        guard let client = clients[id] else { return }
        guard let proven = identities(provenBy: credentials, scheme: scheme, on: client) else {
            server.failedAuthentications += 1
            say(.report(.authenticationFailed(id, scheme: scheme)), at: now, into: &effects)
            reply(.failure(.authFailed), to: asked, zxid: 0, at: now, into: &effects)
            return end(id, .close(id), at: now, into: &effects)
        }
        for identity in proven { clients[id]?.prove(identity) }
        reply(.success(.empty), to: asked, zxid: 0, at: now, into: &effects)
    }

    /// - Parameters:
    ///   - zxid: for the header, if not that of the last change.
    ///   - round: as for ``say(_:round:at:into:)``.
    mutating func reply(
        _ outcome: Result<ZooKeeperReply, ZooKeeperError>, to asked: Asked, zxid: Int64? = nil, round: Int64 = 0,
        at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        var header = ZooKeeperReplyHeader(xid: asked.xid, zxid: zxid ?? lastZxid)
        var body = ZooKeeperReply.empty
        switch outcome {
        case .success(let reply): body = reply
        case .failure(let error): header.error = error
        }
        reply(ReplyFrame.reply(header, body), header, to: asked, round: round, at: now, into: &effects)
    }

    mutating func reply(
        _ frame: ByteBuffer, _ header: ZooKeeperReplyHeader, to asked: Asked, round: Int64 = 0, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        let answered = AnsweredRequest(
            arrived: asked.arrived, xid: asked.xid, zxid: header.zxid, operation: asked.opCode.fourLetters,
            isUpdate: asked.opCode.isUpdate)
        say(.reply(asked.connection, frame, to: answered), round: round, at: now, into: &effects)
    }
}

/// A request that awaits its answer.
struct Asked: Sendable {
    var session: Int64
    var connection: ConnectionID
    var xid: Int32
    var opCode: OpCode
    var arrived: Instant
}

extension ZooKeeperRequest {
    fileprivate var needsQuorum: Bool {
        switch self {
        case .change, .multi, .setACL, .sync, .reconfig: true
        default: false
        }
    }

    /// What a follower asks its leader when this request comes in `frame`; nil for what it answers itself.
    fileprivate func questionForLeader(_ frame: ByteBuffer) -> ForwardedQuestion.Question? {
        switch self {
        case .change, .multi, .setACL, .sync, .reconfig:
            // Behind xid and type.
            let body = frame.getSlice(at: frame.readerIndex + 8, length: frame.readableBytes - 8)
            return .request(type: opCode.rawValue, body: body ?? ByteBuffer())
        case .closeSession: return .close
        default: return nil
        }
    }
}
