import CoordinatorClient
import Glibc
import Security
import Settings

extension BrokerSettings {
    /// How this broker proves to coordinators who it is, and what that is good for.
    mutating func readCoordinatorLogin(_ values: SettingValues, problems: inout [String]) {
        let key = "java.security.auth.login.config"
        if values.boolean("zookeeper.sasl.client"), let path = values[key] {
            do throws(JAASConfiguration.UnusableSection) {
                let section = try JAASConfiguration.section(values.text("zookeeper.sasl.clientconfig"), of: path)
                coordinatorLogin = try Self.login(section, values)
            } catch  where error.isAbsent && !values.isSet("zookeeper.sasl.clientconfig") {
                // The file may be for others.
            } catch {
                problems.append("\(values.place(of: key))\(key): \(path): \(error)")
            }
        }
        securesTree = values.boolean("zookeeper.set.acl")
        if securesTree, coordinatorLogin == nil, coordinatorTLS?.identity == nil, problems.isEmpty {
            problems.append(
                "\(values.place(of: "zookeeper.set.acl"))zookeeper.set.acl is set, and this broker proves to "
                    + "coordinators neither by SASL (java.security.auth.login.config) nor by a certificate "
                    + "(zookeeper.ssl.keystore.location) who it is")
        }
    }

    private static func login(
        _ section: [JAASConfiguration.LoginModule], _ values: SettingValues
    ) throws(JAASConfiguration.UnusableSection) -> CoordinatorLogin {
        let credentials = try SASLCredentials(section)
        if case .keytab(let path?, _) = credentials, access(path, R_OK) != 0 {
            throw JAASConfiguration.UnusableSection(
                "cannot read the keytab \(path): \(String(cString: strerror(errno)))")
        }
        var login = CoordinatorLogin(credentials)
        login.service = values.text("zookeeper.sasl.client.username")
        guard let name = values["zookeeper.server.principal"] else { return login }
        guard let principal = KerberosPrincipal(name), let host = principal.instance else {
            throw JAASConfiguration.UnusableSection(
                "zookeeper.server.principal=\(name) is no service/host")
        }
        login.service = principal.primary
        login.host = host
        return login
    }
}
