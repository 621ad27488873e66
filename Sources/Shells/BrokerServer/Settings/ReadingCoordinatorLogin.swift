import CoordinatorClient
import Security
import Settings

extension BrokerSettings {
    /// How this broker proves to coordinators who it is, and what that is good for.
    mutating func readCoordinatorLogin(_ values: SettingValues, problems: inout [String]) {
        let key = "java.security.auth.login.config"
        if values.boolean("zookeeper.sasl.client"), let path = values[key] {
            do throws(JAASConfiguration.UnusableSection) {
                let section = try JAASConfiguration.section(values.text("zookeeper.sasl.clientconfig"), of: path)
                coordinatorLogin = try CoordinatorLogin(
                    section, service: values["zookeeper.sasl.client.username"],
                    serverPrincipal: values["zookeeper.server.principal"])
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
}
