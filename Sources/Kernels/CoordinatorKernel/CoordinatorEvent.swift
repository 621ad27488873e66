import NIOCore
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
    /// Every change up to this zxid is durable.
    case synced(upTo: Int64)
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
    /// The tree has changed often enough to be written down: take a snapshot, and roll the log.
    case takeSnapshot
    /// What an operator should know.
    case report(CoordinatorNews)
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
    case authenticationFailed(ConnectionID, scheme: String)
    /// A change passed a limit, and was made all the same.
    case quotaExceeded(QuotaExcess)
}
