import Security

/// How a session proves by SASL who it is.
package struct CoordinatorLogin: Sendable {
    package var credentials: SASLCredentials
    /// What coordinators are called in Kerberos: `service/host`, with the host that is connected to if none is given.
    package var service = "zookeeper"
    package var host: String?

    package init(_ credentials: SASLCredentials) { self.credentials = credentials }

    /// The name that is authenticated to by way of `host`.
    func server(at host: String) -> (service: String, host: String) {
        switch credentials {
        // Whatever their names are, it is this one.
        case .password: ("zookeeper", "zk-sasl-md5")
        case .keytab, .ticketCache: (service, self.host ?? host)
        }
    }
}
