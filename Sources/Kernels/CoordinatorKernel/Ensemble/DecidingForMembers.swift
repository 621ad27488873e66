import NIOCore
import Quorum
import Seams
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// How a leader decides for other members' clients.
extension CoordinatorKernel {
    mutating func decide(
        _ asked: ForwardedQuestion, for member: MemberID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard ensemble?.isLeading == true, ensemble?.isServing == true else { return }
        if ensemble?.confirmations.hold(asked, of: member) == true { return }
        let outcome: Verdict.Outcome
        var mustBeConfirmed = false
        switch asked.question {
        case .open where !hasRoom: outcome = .refused
        case .close where !hasRoom:
            // The session ends by its timeout.
            outcome = .answered(error: Self.refusalWithoutRoom.rawValue, body: ByteBuffer())
        case .open(let wanted):
            let timeout = granted(wanted)
            change(.sessionAsked(asked.session, timeoutInMilliseconds: timeout), at: now, into: &effects)
            tree.touch(session: asked.session, at: now)
            ensemble?.owners[asked.session] = member
            outcome = .opened(timeoutInMilliseconds: timeout)
        case .resume(let password):
            if let timeout = timeout(ofSession: asked.session, provenBy: password) {
                tree.touch(session: asked.session, at: now)
                move(asked.session, to: member, at: now, into: &effects)
                outcome = .resumed(timeoutInMilliseconds: timeout)
            } else {
                // Another leader may have opened it.
                outcome = .refused
                mustBeConfirmed = true
            }
        case .close:
            if tree.timeoutInMilliseconds(ofSession: asked.session) != nil {
                change(.sessionClosed(asked.session), at: now, into: &effects)
                ensemble?.owners[asked.session] = nil
            }
            outcome = .answered(error: 0, body: ByteBuffer())
        case .request(let type, let body):
            outcome = answer(type, body, asked, of: member, at: now, into: &effects)
            mustBeConfirmed = asked.isSync
        }
        let verdict = Verdict(ticket: asked.ticket, zxid: lastZxid, outcome: outcome)
        if mustBeConfirmed {
            let round = confirmationRound(at: now, into: &effects)
            ensemble?.confirmations.add(verdict, of: asked.session, for: member, round: round)
        } else {
            effects.append(.tell(member, .verdict(verdict)))
        }
    }

    private mutating func answer(
        _ type: Int32, _ body: ByteBuffer, _ asked: ForwardedQuestion, of member: MemberID, at now: Instant,
        into effects: inout [CoordinatorEffect]
    ) -> Verdict.Outcome {
        func failure(_ error: ZooKeeperError) -> Verdict.Outcome {
            .answered(error: error.rawValue, body: ByteBuffer())
        }
        let isLocal = asked.session == TreeRequest.localSession
        guard isLocal || tree.timeoutInMilliseconds(ofSession: asked.session) != nil else {
            return failure(.sessionExpired)
        }
        if let owner = ensemble?.owners[asked.session], owner != member { return failure(.sessionMoved) }
        if !isLocal { ensemble?.owners[asked.session] = member }
        tree.touch(session: asked.session, at: now)
        let request: ZooKeeperRequest?
        do throws(MalformedInput) {
            request = try WireReader.read(body) { reader throws(MalformedInput) in
                try OpCode(rawValue: type).flatMap { opCode throws(MalformedInput) in
                    try ZooKeeperRequest(opCode, reading: &reader)
                }
            }
        } catch {
            return failure(.marshallingError)
        }
        guard let request else { return failure(.unimplemented) }
        guard hasRoom || !request.isChange else { return failure(Self.refusalWithoutRoom) }
        let answer = decide(request, asked.session, asked.identities, isForMember: true, at: now, into: &effects)
        switch answer {
        case .success(let reply):
            var writer = WireWriter(capacity: 128)
            reply.write(to: &writer)
            return .answered(error: 0, body: writer.buffer())
        case .failure(let error): return failure(error)
        }
    }

    /// What the leader says to a request that changes something, or that only it can answer.
    mutating func decide(
        _ request: ZooKeeperRequest, _ session: Int64, _ identities: [ZooKeeperID], isForMember: Bool = false,
        at now: Instant, into effects: inout [CoordinatorEffect]
    ) -> Result<ZooKeeperReply, ZooKeeperError> {
        switch request {
        case .sync(let path): return .success(.path(path))
        case .reconfig:
            let answer = reconfigure(request, by: identities, at: now, into: &effects)
            if settings.audits, !isForMember {
                audit(request, answer, of: session, by: identities, at: now, into: &effects)
            }
            return answer
        default:
            // Watches belong to reads, which are not asked of the leader.
            let treeRequest = TreeRequest(
                session: session, watcher: Watcher(0), identities: identities, request: request)
            for case .answer(let answer) in change(
                .requested(treeRequest), isForMember: isForMember, at: now, into: &effects)
            { return answer }
            preconditionFailure("the tree says nothing to \(request.opCode)")
        }
    }

    // MARK: Sessions

    /// The session's timeout, if there is such a session and the password is its.
    func timeout(ofSession session: Int64, provenBy password: ByteBuffer) -> Int32? {
        guard passwords.isPassword(password, of: session) else { return nil }
        return tree.timeoutInMilliseconds(ofSession: session)
    }

    /// Lets a session be served by `member` from now on; whoever served it before ends its connection.
    mutating func move(
        _ session: Int64, to member: MemberID, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        let own = ensemble?.quorum.id
        if let owner = ensemble?.owners[session], owner != member, owner != own {
            effects.append(.tell(owner, .sessionMoved(session)))
        }
        if member != own, let id = connectionOfSession[session] {
            end(id, .close(id), at: now, into: &effects)
        }
        ensemble?.owners[session] = member
    }
}
