import CoordinatorKernel
import Security

/// How clients authenticate by SASL: what a server's section of a JAAS file says, and the keys beside it.
package struct SASLSettings: Sendable {
    /// Who a coordinator is in Kerberos.
    package struct Kerberos: Sendable, Equatable {
        /// `service/host@realm`.
        package var principal: KerberosPrincipal
        /// File with the principal's keys; nil for that of the system.
        package var keytab: String?

        package init(principal: KerberosPrincipal, keytab: String?) {
            self.principal = principal
            self.keytab = keytab
        }
    }

    /// Passwords by user, for DIGEST-MD5.
    package var passwords: [String: String] = [:]
    /// nil: DIGEST-MD5 alone.
    package var kerberos: Kerberos?
    /// Of clients that authenticate by Kerberos.
    package var mapping: KerberosMapping
    package var policy = SASLPolicy()

    package init(mapping: KerberosMapping) { self.mapping = mapping }
}
