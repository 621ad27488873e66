import CCyrusSASL
import Security

/// The client's side of one authentication.
///
/// Steps of GSSAPI read files and ask the Kerberos server for tickets: they belong off event loops. One thread at a time.
package final class SASLClientExchange {
    private var session: SASLSession

    /// - Parameters:
    ///   - service: first part of the server's name: `zookeeper`, `kafka`.
    ///   - host: second part of that name.
    ///   - user: nil for GSSAPI, where the credentials are those of the process.
    package init(
        _ mechanism: SASLMechanism, service: String, host: String, user: String? = nil, password: String? = nil
    ) throws(SASLFailure) {
        session = try SASLSession(mechanism) { outcome in
            CCyrusSASLNewClient(service, host, user, password, &outcome)
        }
    }

    /// By whatever mechanism `credentials` are for. Those of Kerberos belong to the process: ``KerberosKeytab/use(_:)``.
    package convenience init(_ credentials: SASLCredentials, service: String, host: String) throws(SASLFailure) {
        switch credentials {
        case .password(let user, let password):
            try self.init(.digestMD5, service: service, host: host, user: user, password: password)
        case .keytab, .ticketCache: try self.init(.gssapi, service: service, host: host)
        }
    }

    /// Takes the server's next token; an empty one before it has said anything. After ``SASLStep/done(lastToken:)`` the server has
    /// still to agree.
    package func step(_ token: [UInt8]) throws(SASLFailure) -> SASLStep { try session.step(token) }
}
