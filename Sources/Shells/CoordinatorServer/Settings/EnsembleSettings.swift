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
    /// Whether it does so on all addresses of the machine, whatever its own line says (`quorumListenOnAllIPs`).
    package var listensOnAllAddresses = false
    /// Key, certificate and trust towards other members, as server and as client (`ssl.quorum.*`); nil for plaintext.
    package var tls: TLSSettings?
    /// nil: members do not authenticate by SASL (`quorum.auth.enableSasl`).
    package var authentication: PeerAuthentication?
    /// How often a port that cannot be opened is tried, at intervals of a second; 0 for ever (`electionPortBindRetry`).
    package var bindAttempts = 3
    /// How long dialling a member may take, TLS included (`cnxTimeout`).
    package var connectTimeout: Duration = .seconds(1)
    package var quorum = QuorumSettings(heartbeatInterval: .milliseconds(100), electionTimeout: .milliseconds(500))
    /// Whether clients may change the ensemble (`reconfigEnabled`).
    package var allowsReconfiguration = false
    /// Where the ensemble is written down that was agreed on; nil for nowhere.
    var files: ConfigurationFiles?

    package init(id: MemberID, membership: Membership, listeners: [MemberAddress.Endpoint]) {
        self.id = id
        self.membership = membership
        self.listeners = listeners
    }

    /// Where a member listens whose own line is this; nothing when the line cannot be read.
    func listeners(of own: Membership.Member) -> [MemberAddress.Endpoint] {
        guard let address = MemberAddress(of: own) else { return [] }
        guard listensOnAllAddresses else { return address.endpoints }
        return address.endpoints.reduce(into: []) { listeners, endpoint in
            let everywhere = MemberAddress.Endpoint(
                host: "", quorumPort: endpoint.quorumPort, electionPort: endpoint.electionPort)
            if !listeners.contains(everywhere) { listeners.append(everywhere) }
        }
    }

    /// Belongs to the ensemble that this member's own data knows, when that is another one than the files say.
    mutating func adopt(_ newest: Membership) {
        guard newest != membership else { return }
        if let own = newest[id], own.address != membership[id]?.address { listeners = listeners(of: own) }
        membership = newest
    }
}

extension MemberAddress {
    /// Where a member is; nil when what its line says is no address, which no ensemble agrees on.
    init?(of member: Membership.Member) {
        do throws(InvalidMembership) {
            try self.init(member.address)
        } catch {
            return nil
        }
    }
}
