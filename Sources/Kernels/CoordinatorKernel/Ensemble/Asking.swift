import NIOCore
import Quorum
import Seams
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// How a follower lets its leader decide for its clients.
extension CoordinatorKernel {
    /// The leader, when this member is not the one that decides.
    var leaderToAsk: MemberID? { ensemble?.quorum.leader }

    /// Asks the leader on behalf of a client, whose requests behind this one wait.
    ///
    /// - Parameters:
    ///   - request: what the client wants, where that is a request.
    ///   - isNext: whether the request was in line already, and is the next.
    mutating func ask(
        _ question: ForwardedQuestion.Question, _ asked: Asked, of request: ZooKeeperRequest? = nil,
        isNext: Bool = false, into effects: inout [CoordinatorEffect]
    ) {
        guard let leader = leaderToAsk, let client = clients[asked.connection],
            let ticket = ensemble?.asking.ticket(for: asked.connection)
        else { return }
        clients[asked.connection]?.getInLine(.awaited(ticket, asked), first: isNext)
        requestsInLine += 1
        if settings.audits, let request, request.isChange {
            ensemble?.asking.keep(.init(request: request, identities: client.identities), for: ticket)
        }
        let forwarded = ForwardedQuestion(
            ticket: ticket, session: knownAs(asked.session), identities: client.identities, question: question)
        effects.append(.tell(leader, .asked(forwarded)))
    }

    /// Says what the leader has decided, as far as its changes have been applied here.
    mutating func releaseVerdicts(at now: Instant, into effects: inout [CoordinatorEffect]) {
        while let (verdict, id) = ensemble?.asking.nextVerdict(upTo: gate.committed) {
            guard case .awaited(verdict.ticket, let asked)? = clients[id]?.queue.first else { continue }
            advanceLine(of: id)
            if let question = ensemble?.asking.takeQuestion(verdict.ticket) {
                audit(verdict, on: question, to: asked, at: now, into: &effects)
            }
            say(verdict, to: asked, at: now, into: &effects)
            serveQueued(id, at: now, into: &effects)
        }
    }

    private mutating func say(
        _ verdict: Verdict, to asked: Asked, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        let id = asked.connection
        switch verdict.outcome {
        case .opened(let timeout):
            serve(asked.session, timeout: timeout, isNew: true, on: id, at: now, into: &effects)
        case .resumed(let timeout):
            if let older = connectionOfSession[asked.session] { end(older, .close(older), at: now, into: &effects) }
            serve(asked.session, timeout: timeout, isNew: false, on: id, at: now, into: &effects)
        case .refused: refuse(asked.session, on: id, at: now, into: &effects)
        case .answered(let error, let body):
            // Requests before a sync may have been answered later than the leader did.
            let zxid = asked.opCode == .sync ? max(verdict.zxid, lastZxid) : verdict.zxid
            let header = ZooKeeperReplyHeader(
                xid: asked.xid, zxid: zxid, error: ZooKeeperError(rawValue: error))
            reply(ReplyFrame.reply(header, body), header, to: asked, at: now, into: &effects)
            let isOver = asked.opCode == .closeSession || header.error == .sessionMoved
            if isOver || header.error == .sessionExpired { end(id, .close(id), at: now, into: &effects) }
        }
    }

    /// Serves what came behind a request that has been answered, up to the next that has to wait.
    mutating func serveQueued(_ id: ConnectionID, at now: Instant, into effects: inout [CoordinatorEffect]) {
        while case .frame(let frame, _)? = clients[id]?.queue.first, let session = clients[id]?.session {
            advanceLine(of: id)
            if requestsBehindTokens > 0, holdsBack(frame, of: id) { continue }
            serve(frame, of: session, on: id, isQueued: true, at: now, into: &effects)
        }
    }

    /// Lets a client's request wait until those before it have been answered.
    mutating func getInLine(_ frame: ByteBuffer, _ opCode: OpCode?, _ id: ConnectionID) {
        clients[id]?.getInLine(.frame(frame, changesIdentities: opCode == .auth || opCode == .sasl))
        requestsInLine += 1
    }

    private mutating func advanceLine(of id: ConnectionID) {
        clients[id]?.advanceLine()
        requestsInLine -= 1
    }

    /// Forgets what waits in line.
    mutating func dropLine(of id: ConnectionID) {
        requestsInLine -= clients[id]?.queue.count ?? 0
        clients[id]?.dropLine()
    }

    /// Tells the leader now and then of which sessions something was heard.
    mutating func reportTouched(at now: Instant, into effects: inout [CoordinatorEffect]) {
        guard let leader = leaderToAsk, let asking = ensemble?.asking, now.nanoseconds >= asking.nextReport else {
            return
        }
        let interval = min(500, settings.tree.tickTimeInMilliseconds / 2) * 1_000_000
        ensemble?.asking.nextReport = now.nanoseconds + interval
        guard !asking.touched.isEmpty else { return }
        effects.append(.tell(leader, .touched(sessions: asking.touched.sorted())))
        ensemble?.asking.touched = []
    }

    /// What was asked over a link that broke may never be answered: who asked has to come again.
    mutating func endAsking(at now: Instant, into effects: inout [CoordinatorEffect]) {
        let waiting = Set(ensemble?.asking.clients.values.map { $0 } ?? []).sorted()
        ensemble?.asking.forgetAll()
        for id in waiting { end(id, .close(id), at: now, into: &effects) }
    }
}
