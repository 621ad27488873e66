import NIOCore
import Quorum
import ZNodes
import ZooKeeperProtocol

/// What members of an ensemble send each other.
///
/// Small ones travel on the election port. All others arrive in the order in which they were sent, as long as the link
/// lasts.
package enum PeerMessage: Sendable, Equatable {
    case quorum(QuorumMessage)
    /// The leader's state, for a member that lags too far for entries.
    case snapshotChunk(SnapshotChunk)
    /// A chunk has been taken: the leader keeps few of them under way.
    case snapshotReceived(SnapshotProgress)
    /// A member asks the leader on behalf of a client.
    case asked(ForwardedQuestion)
    case verdict(Verdict)
    /// Clients of these sessions were heard of by the member since it last told the leader.
    case touched(sessions: [Int64])
    /// A session has been resumed at another member: whoever still serves it ends its connection.
    case sessionMoved(Int64)
    /// The sender's tree had this digest: a follower's, or the leader's in answer to another one.
    case digest(ZxidDigest)

    /// Whether it travels on the election port, so that it never waits behind entries.
    package var isSmall: Bool {
        if case .quorum(let message) = self { message.isSmall } else { false }
    }
}

/// A part of the leader's state.
package struct SnapshotChunk: Sendable, Equatable {
    /// The leader's.
    package var epoch: Int32
    /// The last change that the state holds.
    package var zxid: Int64
    /// Counted from 0. A chunk 0 begins anew.
    package var number: Int
    package var bytes: ByteBuffer
    package var isLast: Bool

    package init(epoch: Int32, zxid: Int64, number: Int, bytes: ByteBuffer, isLast: Bool) {
        self.epoch = epoch
        self.zxid = zxid
        self.number = number
        self.bytes = bytes
        self.isLast = isLast
    }
}

/// Names the last chunk that a member has taken.
package struct SnapshotProgress: Sendable, Equatable {
    package var epoch: Int32
    package var zxid: Int64
    package var number: Int

    package init(epoch: Int32, zxid: Int64, number: Int) {
        self.epoch = epoch
        self.zxid = zxid
        self.number = number
    }
}

/// What only the leader can answer, on behalf of a client of another member.
package struct ForwardedQuestion: Sendable, Equatable {
    package enum Question: Sendable, Equatable {
        /// The member has chosen the session's id; the timeout is what the client asked for.
        case open(timeoutInMilliseconds: Int32)
        case resume(password: ByteBuffer)
        case close
        /// A request's type and its body as they came; `type` may be one that nobody knows.
        case request(type: Int32, body: ByteBuffer)
    }

    /// Names the question in its verdict; the member's own count.
    package var ticket: UInt64
    package var session: Int64
    /// Whom the client has proven to be, for access lists.
    package var identities: [ZooKeeperID]
    package var question: Question

    package init(ticket: UInt64, session: Int64, identities: [ZooKeeperID], question: Question) {
        self.ticket = ticket
        self.session = session
        self.identities = identities
        self.question = question
    }
}

/// The leader's answer to a ``ForwardedQuestion``.
package struct Verdict: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        case opened(timeoutInMilliseconds: Int32)
        case resumed(timeoutInMilliseconds: Int32)
        /// There is no such session, or the password is not its.
        case refused
        /// The error code of the reply's header, and its body.
        case answered(error: Int32, body: ByteBuffer)
    }

    package var ticket: UInt64
    /// The member says it once it has applied this change.
    package var zxid: Int64
    package var outcome: Outcome

    package init(ticket: UInt64, zxid: Int64, outcome: Outcome) {
        self.ticket = ticket
        self.zxid = zxid
        self.outcome = outcome
    }
}
