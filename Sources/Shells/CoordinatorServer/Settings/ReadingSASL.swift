import CoordinatorKernel
import Glibc
import Security
import Settings

extension CoordinatorSettings {
    /// In front of the numbers of super users after the first.
    static let superUserPrefix = "superUser."

    /// The values of `superUser.N`.
    static func superUsers(in file: PropertiesFile) -> Set<String> {
        var users: Set<String> = []
        for entry in file.entries {
            let key = entry.key.dropping(CoordinatorSchema.systemPropertyPrefix) ?? entry.key
            if key.hasPrefix(superUserPrefix) { users.insert(entry.value.trimmed) }
        }
        return users
    }

    mutating func readSASL(_ values: SettingValues, superUsers: Set<String>, problems: inout [String]) {
        let key = "java.security.auth.login.config"
        guard let path = values[key] else { return }
        do throws(JAASConfiguration.UnusableSection) {
            let section = try JAASConfiguration.section(values.text("sasl.serverconfig"), of: path)
            sasl = try Self.saslSettings(of: section, values, superUsers: superUsers)
        } catch  where error.isAbsent && values.boolean("quorum.auth.enableSasl") && !values.isSet("sasl.serverconfig")
        {
            // The file is for members alone.
        } catch {
            problems.append("\(values.place(of: key))\(key): \(path): \(error)")
        }
        if let own = sasl?.kerberos?.keytab, let peers = ensemble?.authentication?.kerberos?.keytab, own != peers {
            problems.append(
                "\(values.place(of: key))\(key): \(path): clients and members are authenticated by one keytab, and two are "
                    + "named: \(own) and \(peers)")
        }
    }

    private static func saslSettings(
        of modules: [JAASConfiguration.LoginModule], _ values: SettingValues, superUsers: Set<String>
    ) throws(JAASConfiguration.UnusableSection) -> SASLSettings {
        let superPassword = values["SASLAuthenticationProvider.superPassword"]
        let (passwords, kerberos) = try known(by: modules, and: superPassword.map { ["super": $0] } ?? [:])
        var sasl = SASLSettings(mapping: try mapping(values, realm: kerberos?.principal.realm))
        sasl.passwords = passwords
        sasl.kerberos = kerberos
        sasl.policy.superUsers = superUsers.union(values["superUser"].map { [$0.trimmed] } ?? [])
        sasl.policy.keepsRefusedClients = values.boolean("allowSaslFailedClients")
        return sasl
    }

    /// What a server's section says: passwords by user, besides `others`, and who the server is in Kerberos.
    static func known(
        by modules: [JAASConfiguration.LoginModule], and others: [String: String] = [:]
    ) throws(JAASConfiguration.UnusableSection) -> (passwords: [String: String], kerberos: SASLSettings.Kerberos?) {
        var passwords: [String: String] = [:]
        var kerberos: SASLSettings.Kerberos?
        for module in modules {
            switch module.name {
            case "DigestLoginModule":
                for (option, password) in module.options {
                    if let user = option.dropping("user_") { passwords[user] = password }
                }
            case "Krb5LoginModule": kerberos = try Self.kerberos(module)
            default:
                throw JAASConfiguration.UnusableSection(
                    "\(module.className) is not known; known are DigestLoginModule and Krb5LoginModule")
            }
        }
        passwords.merge(others) { $1 }
        guard kerberos != nil || !passwords.isEmpty else {
            throw JAASConfiguration.UnusableSection(
                "neither a user (user_NAME=\"password\") nor a keytab is named")
        }
        return (passwords, kerberos)
    }

    private static func kerberos(_ module: JAASConfiguration.LoginModule) throws(JAASConfiguration.UnusableSection)
        -> SASLSettings.Kerberos
    {
        guard module.options["useKeyTab"]?.lowercased() == "true" else {
            throw JAASConfiguration.UnusableSection(
                "\(module.name) needs useKeyTab=true: a server has its keys in a keytab")
        }
        guard let principal = module.options["principal"].flatMap({ KerberosPrincipal($0) }), principal.instance != nil
        else { throw JAASConfiguration.UnusableSection("\(module.name) needs principal=\"service/host@realm\"") }
        let keytab = module.options["keyTab"]
        if let keytab { try checkReadable(keytab: keytab) }
        return SASLSettings.Kerberos(principal: principal, keytab: keytab)
    }

    static func checkReadable(keytab: String) throws(JAASConfiguration.UnusableSection) {
        guard access(keytab, R_OK) == 0 else {
            throw JAASConfiguration.UnusableSection(
                "cannot read the keytab \(keytab): \(String(cString: strerror(errno)))")
        }
    }

    private static func mapping(_ values: SettingValues, realm: String?) throws(JAASConfiguration.UnusableSection)
        -> KerberosMapping
    {
        do throws(KerberosNameRules.Unreadable) {
            var mapping = KerberosMapping(
                rules: try KerberosNameRules(values.text("security.auth_to_local"), defaultRealm: realm))
            mapping.removesHost = values.boolean("kerberos.removeHostFromPrincipal")
            mapping.removesRealm = values.boolean("kerberos.removeRealmFromPrincipal")
            return mapping
        } catch {
            throw JAASConfiguration.UnusableSection("security.auth_to_local: \(error)")
        }
    }
}
