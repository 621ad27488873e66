import NIOCore
import Seams
import WireCoding
import ZNodes
import ZooKeeperProtocol

extension CoordinatorKernel {
    /// Takes a connection's first frame.
    mutating func connect(
        _ frame: ByteBuffer, on id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        server.connectRequests += 1
        let request: ConnectRequest
        do {
            request = try WireReader.read(frame) { reader throws(MalformedInput) in
                let request = try ConnectRequest(reading: &reader)
                try reader.finish()
                return request
            }
        } catch {
            return end(id, .reject(id, cause: "no ZooKeeper client: \(error)"), at: now, into: &effects)
        }
        guard request.lastZxidSeen <= lastZxid else {
            // The client has seen a newer tree, on another server or before this one's disk was lost.
            let cause = "the client has seen zxid 0x\(String(request.lastZxidSeen, radix: 16)), newer than all here"
            return end(id, .reject(id, cause: cause), at: now, into: &effects)
        }
        guard serving != .readOnly || request.readOnly == true else {
            return end(id, .close(id), at: now, into: &effects)
        }
        guard connectingTokens?.take(at: now) != false else {
            let cause = "too many clients come at once, by connectionMaxTokens"
            return end(id, .reject(id, cause: cause), at: now, into: &effects)
        }
        clients[id]?.phase = .opening(request)
        if request.sessionID == 0 {
            open(request, on: id, at: now, into: &effects)
        } else {
            resume(request, on: id, at: now, into: &effects)
        }
    }

    private mutating func open(
        _ request: ConnectRequest, on id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        lastSessionID += 1
        let session = lastSessionID
        if settings.localSessions != .never || serving == .readOnly {
            return openLocally(session, timeout: granted(request.timeout), on: id, at: now, into: &effects)
        }
        // There is no error code in a handshake. The client tries the next server, or this one again later.
        guard hasRoom || !isDeciding else { return end(id, .close(id), at: now, into: &effects) }
        guard isDeciding else {
            let asked = Asked(session: session, connection: id, xid: 0, opCode: .createSession, arrived: now)
            return ask(.open(timeoutInMilliseconds: request.timeout), asked, into: &effects)
        }
        let timeout = granted(request.timeout)
        change(.sessionAsked(session, timeoutInMilliseconds: timeout), at: now, into: &effects)
        tree.touch(session: session, at: now)
        serve(session, timeout: timeout, isNew: true, on: id, at: now, into: &effects)
    }

    /// The timeout that a client gets that asks for `wanted`.
    func granted(_ wanted: Int32) -> Int32 {
        min(max(wanted, settings.sessionTimeouts.lowerBound), settings.sessionTimeouts.upperBound)
    }

    private mutating func resume(
        _ request: ConnectRequest, on id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        let session = request.sessionID
        if resumeLocally(session, request.password, on: id, at: now, into: &effects) { return }
        if serving == .readOnly { return resumeReadOnly(request, on: id, at: now, into: &effects) }
        guard isDeciding else {
            let asked = Asked(session: session, connection: id, xid: 0, opCode: .createSession, arrived: now)
            return ask(.resume(password: request.password), asked, into: &effects)
        }
        guard let timeout = timeout(ofSession: session, provenBy: request.password) else {
            // Another leader may have opened it.
            let round = confirmationRound(at: now, into: &effects)
            return refuse(session, on: id, round: round, at: now, into: &effects)
        }
        if let older = connectionOfSession[session] { end(older, .close(older), at: now, into: &effects) }
        server.resumedSessions += 1
        tree.touch(session: session, at: now)
        if let member = ensemble?.quorum.id { move(session, to: member, at: now, into: &effects) }
        serve(session, timeout: timeout, isNew: false, on: id, at: now, into: &effects)
    }

    /// Tells a client that there is no such session for it.
    mutating func refuse(
        _ session: Int64, on id: ConnectionID, round: Int64 = 0, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        guard case .opening(let request)? = clients[id]?.phase else { return }
        let refusal = ConnectResponse(
            timeout: 0, sessionID: 0, password: ByteBuffer(repeating: 0, count: SessionPassword.size),
            readOnly: request.readOnly.map { _ in false })
        let answered = AnsweredRequest(arrived: now, xid: 0, zxid: lastZxid, operation: "SESS")
        say(.report(.sessionRefused(session, id)), round: round, at: now, into: &effects)
        say(.reply(id, ReplyFrame.connected(refusal), to: answered), at: now, into: &effects)
        end(id, .close(id), at: now, into: &effects)
    }

    /// Lets an opening connection serve a session.
    mutating func serve(
        _ session: Int64, timeout: Int32, isNew: Bool, on id: ConnectionID, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) {
        guard case .opening(let request)? = clients[id]?.phase else { return }
        let news =
            isNew
            ? CoordinatorNews.sessionOpened(session, id, timeoutInMilliseconds: timeout) : .sessionResumed(session, id)
        clients[id]?.phase = .serving(session: session)
        clients[id]?.timeoutInMilliseconds = timeout
        connectionOfSession[session] = id
        let isReadOnly = serving == .readOnly
        if isReadOnly { readOnlyClients.insert(id) }
        let response = ConnectResponse(
            timeout: timeout, sessionID: session, password: passwords.password(of: session),
            readOnly: request.readOnly.map { _ in isReadOnly })
        let answered = AnsweredRequest(arrived: now, xid: 0, zxid: lastZxid, operation: "SESS", isUpdate: true)
        say(.report(news), at: now, into: &effects)
        say(.reply(id, ReplyFrame.connected(response), to: answered), at: now, into: &effects)
    }

    /// Says the last there is to say to a connection; nothing that it still sends counts.
    mutating func end(
        _ id: ConnectionID, _ last: Outgoing, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        leave(id)
        dropToken(of: id)
        clients[id]?.phase = .ending
        dropLine(of: id)
        say(last, at: now, into: &effects)
    }

    /// Takes a connection off the books. Its session stays until it is closed or expires.
    mutating func leave(_ id: ConnectionID) {
        readOnlyClients.remove(id)
        guard let session = clients[id]?.session, connectionOfSession[session] == id else { return }
        connectionOfSession[session] = nil
        tree.forget(Watcher(id.number))
    }
}
