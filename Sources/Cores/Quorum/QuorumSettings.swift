/// How long members wait for each other.
package struct QuorumSettings: Sendable {
    /// Between two heartbeats of a leader.
    package var heartbeatInterval: Duration
    /// Without a sign of life for between this and five thirds of it a member looks for another leader; a leader that does not
    /// hear a quorum for this long steps down. Several heartbeats long.
    package var electionTimeout: Duration
    /// Entries kept in memory for members that lag; who lags further gets a snapshot.
    package var recentLogSizeInBytes = 32 << 20
    /// Of one message.
    package var largestAppendInBytes = 1 << 20
    /// Sent to one member and not acknowledged.
    package var largestWindowInBytes = 16 << 20

    package init(heartbeatInterval: Duration = .milliseconds(100), electionTimeout: Duration = .milliseconds(400)) {
        self.heartbeatInterval = heartbeatInterval
        self.electionTimeout = electionTimeout
    }
}
