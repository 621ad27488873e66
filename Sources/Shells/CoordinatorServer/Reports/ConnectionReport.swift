import CoordinatorKernel
import Seams

/// One connection, as operators are told of it.
struct ConnectionReport: Sendable {
    var status: ConnectionStatus
    /// Whether it came over TLS.
    var isSecure: Bool
    /// Milliseconds since 1970.
    var established: Int64
    var lastReply: Int64

    init(_ status: ConnectionStatus, isSecure: Bool, at now: Instant) {
        self.status = status
        self.isSecure = isSecure
        established = now.unixMilliseconds - (now - status.statistics.established).milliseconds
        lastReply = now.unixMilliseconds - (now - status.statistics.lastReply).milliseconds
    }
}

extension CoordinatorLoop {
    /// In the order in which they came.
    func connections(at now: Instant) -> [ConnectionReport] {
        kernel.connectionStatuses().map { id, status in
            ConnectionReport(status, isSecure: clients[id]?.connection.tlsSession != nil, at: now)
        }
    }
}
