import NIOCore
import Seams
import ZooKeeperProtocol

/// What came of one token of a client that authenticates by SASL.
package enum SASLOutcome: Sendable, Equatable {
    /// The client is to answer this token.
    case challenged(ByteBuffer)
    /// The client is `identity`; some mechanisms end with a token that proves the server to the client.
    case proven(identity: String, lastToken: ByteBuffer?)
    /// `cause` is for logs alone.
    case refused(cause: String)
}

/// What a coordinator that authenticates by SASL decides by.
package struct SASLPolicy: Sendable {
    /// Identities that may do everything (`superUser`, `superUser.N`).
    package var superUsers: Set<String> = []
    /// Whether who fails stays connected, as nobody in particular (`allowSaslFailedClients`).
    package var keepsRefusedClients = false

    package init() {}
}

/// A token that is being looked at outside the kernel.
struct PendingSASLToken: Sendable {
    var asked: Asked
    /// What the client has sent after it, in order.
    var heldBack: [ByteBuffer] = []
    /// Requests that are not answered because of it, its own included.
    var requestCount: Int { heldBack.count + 1 }
}

extension CoordinatorKernel {
    /// Hands a token out to be looked at. What its client sends after it waits for the outcome.
    mutating func takeToken(
        _ token: ByteBuffer?, _ asked: Asked, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        guard settings.sasl != nil else {
            // No mechanism is offered: a client that would have liked one goes on without, as with Apache ZooKeeper.
            return reply(.success(.token(nil)), to: asked, zxid: 0, at: now, into: &effects)
        }
        clients[asked.connection]?.pendingToken = PendingSASLToken(asked: asked)
        requestsBehindTokens += 1
        effects.append(.authenticate(asked.connection, token: token ?? ByteBuffer()))
    }

    /// Keeps a frame back that came behind a token; false when none is being looked at.
    mutating func holdsBack(_ frame: ByteBuffer, of id: ConnectionID) -> Bool {
        guard clients[id]?.pendingToken != nil else { return false }
        clients[id]?.pendingToken?.heldBack.append(frame)
        requestsBehindTokens += 1
        return true
    }

    /// Takes what came of a client's token, and then what the client has sent since.
    mutating func authenticated(
        _ id: ConnectionID, _ outcome: SASLOutcome, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        // None when the connection has ended meanwhile.
        guard let pending = dropToken(of: id) else { return }
        let asked = pending.asked
        switch outcome {
        case .challenged(let token):
            reply(.success(.token(token)), to: asked, zxid: 0, at: now, into: &effects)
        case .proven(let identity, let lastToken):
            clients[id]?.prove(ZooKeeperID(scheme: "sasl", id: identity))
            if settings.sasl?.superUsers.contains(identity) == true {
                clients[id]?.prove(ZooKeeperID(scheme: "super", id: ""))
            }
            say(.report(.authenticated(id, identity: identity)), at: now, into: &effects)
            reply(.success(.token(lastToken)), to: asked, zxid: 0, at: now, into: &effects)
        case .refused(let cause):
            refuse(asked, cause: cause, at: now, into: &effects)
        }
        for frame in pending.heldBack { take(frame, from: id, at: now, into: &effects) }
    }

    /// Forgets a token that is being looked at and what waits for it.
    @discardableResult
    mutating func dropToken(of id: ConnectionID) -> PendingSASLToken? {
        guard let pending = clients[id]?.pendingToken else { return nil }
        clients[id]?.pendingToken = nil
        requestsBehindTokens -= pending.requestCount
        return pending
    }

    /// As Apache ZooKeeper refuses: a null token follows the error.
    private mutating func refuse(
        _ asked: Asked, cause: String, at now: Instant, into effects: inout [CoordinatorEffect]
    ) {
        say(.report(.saslRefused(asked.connection, cause: cause)), at: now, into: &effects)
        let mustAuthenticate = settings.requiredSchemes?.contains("sasl") == true
        if settings.sasl?.keepsRefusedClients == true, !mustAuthenticate {
            return reply(.success(.token(nil)), to: asked, zxid: 0, at: now, into: &effects)
        }
        let header = ZooKeeperReplyHeader(
            xid: asked.xid, zxid: 0, error: mustAuthenticate ? .sessionClosedRequireSASLAuth : .authFailed)
        let answered = AnsweredRequest(
            arrived: now, xid: asked.xid, zxid: header.zxid, operation: asked.opCode.fourLetters)
        say(.reply(asked.connection, ReplyFrame.refusedToken(header), to: answered), at: now, into: &effects)
        end(asked.connection, .close(asked.connection), at: now, into: &effects)
    }
}
