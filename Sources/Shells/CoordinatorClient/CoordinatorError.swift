import ZooKeeperProtocol

/// Why a request has no reply.
package enum CoordinatorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The server said no; of a `multi`, `operation` is the index of the one that failed.
    case refused(ZooKeeperError, operation: Int)
    /// Whether the request was carried out is not known, unless it never left.
    case connectionLost(String)
    /// The server does not accept the credentials of ``CoordinatorSettings/login``; the session has ended.
    case notAuthenticated(String)
    /// The server has given the session up: its ephemeral nodes are gone.
    case sessionExpired
    /// ``CoordinatorSession/close()`` was called.
    case closed

    package var description: String {
        switch self {
        case .refused(let error, _): "the coordinator refused: \(error)"
        case .connectionLost(let reason): "no connection to the coordinator: \(reason)"
        case .notAuthenticated(let reason): reason
        case .sessionExpired: "the session with the coordinator expired"
        case .closed: "the session with the coordinator was closed"
        }
    }
}
