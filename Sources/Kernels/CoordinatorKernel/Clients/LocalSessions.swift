import NIOCore
import Seams
import ZNodes
import ZooKeeperProtocol

/// Whether clients' sessions are known to the whole ensemble.
package enum LocalSessionPolicy: Sendable {
    /// All are, from their beginning.
    case never
    /// None is: they cannot have ephemeral nodes, and end with the member that knows them.
    case always
    /// They become so with their first ephemeral node.
    case upgraded
}

/// Sessions that this member alone knows: no change of the tree opens or closes them.
struct LocalSessions: Sendable {
    private struct Session {
        var timeoutInMilliseconds: Int32
        /// In nanoseconds of the steady clock.
        var deadline: Int64
    }

    private var sessions: [Int64: Session] = [:]

    func timeoutInMilliseconds(of session: Int64) -> Int32? { sessions[session]?.timeoutInMilliseconds }

    mutating func insert(_ session: Int64, timeoutInMilliseconds timeout: Int32, at now: Instant) {
        sessions[session] = Session(timeoutInMilliseconds: timeout, deadline: 0)
        touch(session, at: now)
    }

    mutating func remove(_ session: Int64) { sessions[session] = nil }

    /// Something was heard of the session's client. False when the session is none of these.
    @discardableResult
    mutating func touch(_ session: Int64, at now: Instant) -> Bool {
        guard !sessions.isEmpty, let timeout = sessions[session]?.timeoutInMilliseconds else { return false }
        sessions[session]?.deadline = now.nanoseconds + Int64(timeout) * 1_000_000
        return true
    }

    /// Sessions of which nothing was heard for their timeout, ascending.
    func passed(at now: Instant) -> [Int64] {
        sessions.filter { $0.value.deadline <= now.nanoseconds }.keys.sorted()
    }
}

extension CoordinatorKernel {
    func isLocal(_ session: Int64) -> Bool { localSessions.timeoutInMilliseconds(of: session) != nil }

    /// As what the tree, and the leader, know a session.
    func knownAs(_ session: Int64) -> Int64 { isLocal(session) ? TreeRequest.localSession : session }

    mutating func openLocally(
        _ session: Int64, timeout: Int32, on id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        localSessions.insert(session, timeoutInMilliseconds: timeout, at: now)
        serve(session, timeout: timeout, isNew: true, on: id, at: now, into: &effects)
    }

    /// Goes on with a session that only this member knows; false when there is no such session.
    mutating func resumeLocally(
        _ session: Int64, _ password: ByteBuffer, on id: ConnectionID, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) -> Bool {
        guard let timeout = localSessions.timeoutInMilliseconds(of: session),
            passwords.isPassword(password, of: session)
        else { return false }
        if let older = connectionOfSession[session] { end(older, .close(older), at: now, into: &effects) }
        server.resumedSessions += 1
        localSessions.touch(session, at: now)
        serve(session, timeout: timeout, isNew: false, on: id, at: now, into: &effects)
        return true
    }

    /// Lets everybody know of a local session that is about to make an ephemeral node. The leader hears of it before it
    /// hears of the node.
    mutating func upgrade(_ session: Int64, at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard let timeout = localSessions.timeoutInMilliseconds(of: session) else { return }
        localSessions.remove(session)
        if isDeciding {
            change(.sessionAsked(session, timeoutInMilliseconds: timeout), at: now, into: &effects)
            tree.touch(session: session, at: now)
            if let member = ensemble?.quorum.id { move(session, to: member, at: now, into: &effects) }
        } else if let leader = leaderToAsk {
            let question = ForwardedQuestion(
                ticket: AskingState.unawaitedTicket, session: session, identities: [],
                question: .open(timeoutInMilliseconds: timeout))
            effects.append(.tell(leader, .asked(question)))
        }
    }

    mutating func expireLocalSessions(at now: Instant, into effects: inout [CoordinatorEffect]) {
        for session in localSessions.passed(at: now) {
            let timeout = localSessions.timeoutInMilliseconds(of: session) ?? 0
            localSessions.remove(session)
            server.expiredSessions += 1
            say(.report(.sessionExpired(session, timeoutInMilliseconds: timeout)), at: now, into: &effects)
            if let id = connectionOfSession[session] { end(id, .close(id), at: now, into: &effects) }
        }
    }
}

extension ZooKeeperRequest {
    /// Whether it asks for a node that lives as long as the session.
    var createsEphemeral: Bool {
        switch self {
        case .change(let operation): operation.createsEphemeral
        case .multi(let operations): operations.contains(where: \.createsEphemeral)
        default: false
        }
    }
}

extension ZooKeeperProtocol.Operation {
    fileprivate var createsEphemeral: Bool {
        switch self {
        case .create(let create), .create2(let create): CreateMode(rawValue: create.flags)?.isEphemeral ?? false
        case .createContainer, .createTTL, .delete, .setData, .check: false
        }
    }
}
