import NIOCore
import Quorum
import ZNodes

/// Names a client's connection as long as the process lives; never used twice.
package struct ConnectionID: Sendable, Hashable, Comparable {
    package var number: UInt64

    package init(_ number: UInt64) { self.number = number }

    package static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.number < right.number }
}

/// What happens to a coordinator.
package enum CoordinatorEvent: Sendable {
    /// A client has connected from `address`, which is `host` with a port; `subject` is that of its verified
    /// certificate.
    case connected(ConnectionID, address: String, host: String, subject: String?)
    /// Frames of one client, in order, without their lengths.
    case received(ConnectionID, [ByteBuffer])
    /// What came of the token that ``CoordinatorEffect/authenticate(_:token:)`` handed out.
    case authenticated(ConnectionID, SASLOutcome)
    /// The connection is gone; nothing can be sent on it any more.
    case disconnected(ConnectionID)
    /// Every change up to this zxid is durable. Counted are truncations, installed snapshots and
    /// replaced states performed before.
    case synced(upTo: Int64, truncationCount: Int = 0)
    /// The disk has no room for more than what is on its way: changes wait until ``spaceCameBack``.
    case spaceRanOut
    case spaceCameBack
    /// Messages of another member, in order.
    case heard(MemberID, [PeerMessage])
    /// What is sent to that member from now on arrives, as long as the link lasts; what was sent before may be lost.
    case linkMade(MemberID)
    /// A link with that member has broken: what was on its way may be lost.
    case linkLost(MemberID)
    /// The tree as snapshot and log have it: what the ``CoordinatorEffect/restore(number:upTo:)`` of that number asked for.
    indirect case restored(RestoredTree, number: Int)
    /// The chunk of that number has been taken into the file of the snapshot that arrives.
    case chunkTaken(zxid: Int64, number: Int)
    /// The snapshot that arrived is durable and understood; nothing else has changed yet.
    indirect case snapshotLoaded(RestoredTree)
    /// The snapshot that arrived has been given up, for the disk has no room for it.
    case snapshotGivenUp(zxid: Int64)
    /// The loaded snapshot has taken the place of all there was.
    case snapshotInstalled
    /// An operator has put this, durably, in the place of all that a coordinator of its own had.
    case stateReplaced(RestoredTree)
    /// All that came together has been stepped through.
    case turnEnded
    /// The member is about to stop: another shall lead.
    case resigned
    /// Time has passed; several times a second.
    case ticked
}

/// What a coordinator wants done, in order.
package enum CoordinatorEffect: Sendable {
    /// Make this change durable, after those before it, and say so by ``CoordinatorEvent/synced(upTo:)``.
    case append(LogEntry)
    /// Send a frame, its length included.
    case send(ConnectionID, ByteBuffer)
    /// Look at the next token of this client's exchange of SASL, which begins with the first one, and say by
    /// ``CoordinatorEvent/authenticated(_:_:)`` what came of it.
    case authenticate(ConnectionID, token: ByteBuffer)
    /// End the connection once what was sent before has been delivered.
    case close(ConnectionID)
    /// End the connection at once; the client sent what makes no sense.
    case reject(ConnectionID, cause: String)
    /// The tree has changed often enough to be written down: take a snapshot of this state, and roll the log.
    indirect case takeSnapshot(TreeState)
    /// Make the promise durable before any later effect is performed.
    case promise(QuorumPromise)
    /// What was appended above this zxid is void.
    case truncate(after: Int64)
    /// Restore the tree, without changes above `end`, from what is on disk once all before has been performed there, while
    /// the kernel goes on, and say so by ``CoordinatorEvent/restored(_:number:)``. The log keeps everything.
    case restore(number: Int, upTo: Int64)
    indirect case tell(MemberID, PeerMessage)
    /// These are the members from now on, unless that is taken back.
    case connect(Membership)
    /// The members have agreed on this ensemble. Once for each version, and not before this one serves.
    case agreed(Membership)
    /// A snapshot of this zxid arrives, in chunks; one that arrived before is forgotten.
    case receiveSnapshot(zxid: Int64)
    /// Take it in while the kernel goes on, and say so by ``CoordinatorEvent/chunkTaken(zxid:number:)``.
    case receiveChunk(ByteBuffer, number: Int)
    /// All has arrived: make the tree of it, while the kernel goes on, and say so by
    /// ``CoordinatorEvent/snapshotLoaded(_:)``.
    case loadSnapshot
    /// Put what has been loaded in the place of all there is, and say so by ``CoordinatorEvent/snapshotInstalled``
    /// before anything else.
    case installSnapshot
    case discardSnapshot
    /// The coordinator cannot go on.
    case fail(String)
    /// What an operator should know.
    indirect case report(CoordinatorNews)
}

/// What an operator should know of.
package enum CoordinatorNews: Sendable, Equatable {
    case sessionOpened(Int64, ConnectionID, timeoutInMilliseconds: Int32)
    case sessionResumed(Int64, ConnectionID)
    case sessionRefused(Int64, ConnectionID)
    case sessionExpired(Int64, timeoutInMilliseconds: Int32)
    case sessionClosed(Int64)
    case authenticated(ConnectionID, identity: String)
    case saslRefused(ConnectionID, cause: String)
    /// For the audit log alone.
    case audited(AuditEntry)
    /// The audit log lacks what a client was answered, because the leader's answer makes no sense here.
    case unreadableAnswer(to: String, cause: String)
    case authenticationFailed(ConnectionID, scheme: String)
    case looking
    case following(MemberID, epoch: Int32)
    case leading(epoch: Int32)
    /// Clients are served from now on.
    case serving(CoordinatorRole)
    /// A member's tree is not what this one's was after the same change.
    case treesDiffer(from: MemberID, zxid: Int64)
    case sendingSnapshot(to: MemberID, zxid: Int64)
    case quorum(QuorumNews)
    /// A change passed a limit, and was made all the same.
    case quotaExceeded(QuotaExcess)
}
