import Glibc
import Security

/// How a session proves by SASL who it is.
package struct CoordinatorLogin: Sendable {
    package var credentials: SASLCredentials
    /// What coordinators are called in Kerberos: `service/host`, with the host that is connected to if none is given.
    package var service = "zookeeper"
    package var host: String?

    package init(_ credentials: SASLCredentials) { self.credentials = credentials }

    /// By a section of a JAAS file, and Java's properties beside it.
    ///
    /// - Parameters:
    ///   - service: `zookeeper.sasl.client.username`
    ///   - serverPrincipal: `zookeeper.server.principal`
    package init(
        _ section: [JAASConfiguration.LoginModule], service: String?, serverPrincipal: String?
    ) throws(JAASConfiguration.UnusableSection) {
        credentials = try SASLCredentials(section)
        if case .keytab(let path?, _) = credentials, access(path, R_OK) != 0 {
            throw JAASConfiguration.UnusableSection(
                "cannot read the keytab \(path): \(String(cString: strerror(errno)))")
        }
        if let service { self.service = service }
        guard let serverPrincipal else { return }
        guard let principal = KerberosPrincipal(serverPrincipal), let host = principal.instance else {
            throw JAASConfiguration.UnusableSection(
                "zookeeper.server.principal=\(serverPrincipal) is no service/host")
        }
        self.service = principal.primary
        self.host = host
    }

    /// The name that is authenticated to by way of `host`.
    func server(at host: String) -> (service: String, host: String) {
        switch credentials {
        // Whatever their names are, it is this one.
        case .password: ("zookeeper", "zk-sasl-md5")
        case .keytab, .ticketCache: (service, self.host ?? host)
        }
    }
}
