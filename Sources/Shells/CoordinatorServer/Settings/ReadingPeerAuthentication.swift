import Security
import Settings

extension CoordinatorSettings {
    /// How members authenticate to each other (`quorum.auth.*`); nil when they do not.
    static func peerAuthentication(_ values: SettingValues, problems: inout [String]) -> PeerAuthentication? {
        let steps = ["enableSasl", "learnerRequireSasl", "serverRequireSasl"].map { "quorum.auth.\($0)" }
        for (step, before) in zip(steps.dropFirst(), steps) where values.boolean(step) && !values.boolean(before) {
            problems.append("\(values.place(of: step))\(step) needs \(before)=true")
        }
        guard values.boolean(steps[0]) else { return nil }
        let key = "java.security.auth.login.config"
        guard let path = values[key] else {
            problems.append("\(values.place(of: steps[0]))\(steps[0]) needs a JAAS file, named by \(key)")
            return nil
        }
        do throws(JAASConfiguration.UnusableSection) {
            var authentication = PeerAuthentication(
                credentials: try credentials(values.text("quorum.auth.learner.saslLoginContext"), in: path),
                servicePrincipal: try servicePrincipal(values))
            let server = values.text("quorum.auth.server.saslLoginContext")
            (authentication.passwords, authentication.kerberos) = try known(
                by: try JAASConfiguration.section(server, of: path))
            authentication.provesItself = values.boolean(steps[1])
            authentication.demandsProof = values.boolean(steps[2])
            return authentication
        } catch {
            problems.append("\(values.place(of: steps[0]))\(steps[0]): \(path): \(error)")
            return nil
        }
    }

    private static func credentials(
        _ section: String, in path: String
    ) throws(JAASConfiguration.UnusableSection) -> SASLCredentials {
        let credentials = try SASLCredentials(try JAASConfiguration.section(section, of: path))
        if case .keytab(let keytab?, _) = credentials { try checkReadable(keytab: keytab) }
        return credentials
    }

    private static func servicePrincipal(
        _ values: SettingValues
    ) throws(JAASConfiguration.UnusableSection) -> KerberosPrincipal {
        let key = "quorum.auth.kerberos.servicePrincipal"
        guard let principal = KerberosPrincipal(values.text(key)), principal.instance != nil else {
            throw JAASConfiguration.UnusableSection("\(key)=\(values.text(key)) is no service/host")
        }
        return principal
    }
}
