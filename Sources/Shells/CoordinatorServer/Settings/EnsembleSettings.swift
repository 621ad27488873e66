import CoordinatorKernel
import Quorum
import Security

/// What a coordinator is told of the ensemble it belongs to.
package struct EnsembleSettings: Sendable {
    /// Its own (`myid`).
    package var id: MemberID
    /// What the files say; the coordinator's own data may know a newer one.
    package var membership: Membership
    /// Where this member takes what others send.
    package var listeners: [MemberAddress.Endpoint]
    /// Key, certificate and trust towards other members, as server and as client (`ssl.quorum.*`); nil for plaintext.
    package var tls: TLSSettings?
    /// How often a port that cannot be opened is tried, at intervals of a second; 0 for ever (`electionPortBindRetry`).
    package var bindAttempts = 3
    /// How long dialling a member may take, TLS included (`cnxTimeout`).
    package var connectTimeout: Duration = .seconds(1)
    package var quorum = QuorumSettings(heartbeatInterval: .milliseconds(100), electionTimeout: .milliseconds(500))
    /// Whether clients may change the ensemble (`reconfigEnabled`).
    package var allowsReconfiguration = false

    package init(id: MemberID, membership: Membership, listeners: [MemberAddress.Endpoint]) {
        self.id = id
        self.membership = membership
        self.listeners = listeners
    }
}
