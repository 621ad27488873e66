/// How a principal of Kerberos becomes the identity that access lists speak of, as Apache ZooKeeper does it: the short
/// name, and then host and realm unless they are to be left out.
package struct KerberosMapping: Sendable {
    package var rules: KerberosNameRules
    /// `kerberos.removeHostFromPrincipal`
    package var removesHost = false
    /// `kerberos.removeRealmFromPrincipal`
    package var removesRealm = false

    package init(rules: KerberosNameRules) { self.rules = rules }

    /// A principal that no rule fits stays as it is.
    package func identity(of principal: String) -> String {
        guard let parts = KerberosPrincipal(principal), let name = rules.shortName(of: parts) else { return principal }
        return KerberosPrincipal(
            primary: name, instance: removesHost ? nil : parts.instance, realm: removesRealm ? nil : parts.realm
        ).description
    }
}
