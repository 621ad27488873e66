import CoordinatorKernel
import Security
import Transport

/// How members prove to each other by SASL who they are (`quorum.auth.*`).
package struct PeerAuthentication: Sendable {
    /// As each member of Apache's ensembles calls itself to DIGEST-MD5.
    private static let digestName = (service: "zookeeper-quorum", host: "zk-quorum-sasl-md5")

    /// By what this member proves to those it dials who it is.
    package var credentials: SASLCredentials
    /// Whether it does so (`quorum.auth.learnerRequireSasl`).
    package var provesItself = false
    /// Whether those who dial it have to (`quorum.auth.serverRequireSasl`).
    package var demandsProof = false
    /// What members are called in Kerberos: `service/host`, where `_HOST` stands for the host that is dialled.
    package var servicePrincipal: KerberosPrincipal
    /// Passwords of those who dial, by user, for DIGEST-MD5.
    package var passwords: [String: String] = [:]
    /// Who this member is to those who dial it, in Kerberos; nil: DIGEST-MD5 alone.
    package var kerberos: SASLSettings.Kerberos?

    package init(credentials: SASLCredentials, servicePrincipal: KerberosPrincipal) {
        self.credentials = credentials
        self.servicePrincipal = servicePrincipal
    }

    var mechanism: SASLMechanism {
        if case .password = credentials { .digestMD5 } else { .gssapi }
    }

    /// This member's side, towards one that it dials at `host`.
    func proof(to host: String) -> SASLSteps<SASLClientExchange> {
        let instance = servicePrincipal.instance ?? host
        let name =
            mechanism == .digestMD5
            ? Self.digestName
            : (service: servicePrincipal.primary, host: instance == "_HOST" ? host : instance)
        return SASLSteps { [credentials] () throws(SASLFailure) in
            try SASLClientExchange(credentials, service: name.service, host: name.host)
        }
    }

    /// This member's side, towards one that has dialled it; nil when it knows nobody by this mechanism.
    func check(of mechanism: SASLMechanism) -> SASLSteps<SASLServerExchange>? {
        switch mechanism {
        case .digestMD5 where !passwords.isEmpty:
            let name = Self.digestName
            return SASLSteps { [passwords] in
                SASLServerExchange(
                    .digestMD5, SASLServerSettings(service: name.service, host: name.host) { passwords[$0] })
            }
        case .gssapi:
            guard let principal = kerberos?.principal else { return nil }
            return SASLSteps {
                var settings = SASLServerSettings(
                    service: principal.primary, host: principal.instance ?? "", password: { _ in nil })
                settings.kerberosRealm = principal.realm
                return SASLServerExchange(.gssapi, settings)
            }
        default: return nil
        }
    }

    /// Whether somebody whom the mechanism has authenticated is a member. Users of DIGEST-MD5 are; whoever the Kerberos
    /// server knows is only when it is named after the host of a member (CVE-2023-44981: also when it has no host).
    static func isMember(_ user: String, by mechanism: SASLMechanism, hosts: Set<String>) -> Bool {
        guard mechanism == .gssapi else { return true }
        guard let host = KerberosPrincipal(user)?.instance else { return false }
        return hosts.contains(host)
    }
}
