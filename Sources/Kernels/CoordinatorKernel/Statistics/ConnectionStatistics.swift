import Seams

/// What a connection has done, as `cons` shows it.
package struct ConnectionStatistics: Sendable {
    package var established: Instant
    package var received: Int64 = 0
    package var sent: Int64 = 0
    /// Requests that wait for their answers.
    package var queued = 0
    /// In four letters.
    package var lastOperation: StaticString = "NA"
    package var lastXID: Int32 = 0
    package var lastZxid: Int64 = -1
    package var lastReply: Instant
    package var lastLatency: Duration { .nanoseconds(lastNanoseconds) }
    var lastNanoseconds: Int64 = 0
    package var latency = LatencyStatistics()

    init(established: Instant) {
        self.established = established
        lastReply = established
    }

    /// Requests have come.
    mutating func arrived(_ count: Int) {
        received += Int64(count)
        queued += count
    }
}

/// What there is to say of a connection.
package struct ConnectionStatus: Sendable {
    /// Address and port.
    package var address: String
    /// nil before the session has been agreed on.
    package var session: Int64?
    package var timeoutInMilliseconds: Int32
    package var statistics: ConnectionStatistics
}
