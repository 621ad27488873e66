import CCyrusSASL
import Glibc

/// How a server authenticates its clients.
package struct SASLServerSettings: Sendable {
    /// First part of the name that clients authenticate to: `zookeeper`, `kafka`.
    package var service: String
    /// Second part of that name, and the realm of DIGEST-MD5. For GSSAPI the keytab has to hold
    /// `service/host` in the realm of `kerberosRealm`.
    package var host: String
    /// The realm of clients whose names Cyrus SASL gives without one, for they are of the server's own.
    package var kerberosRealm: String?
    /// A user's password in plain text; nil when there is no such user. Called by the thread that steps an exchange.
    package var password: @Sendable (_ user: String) -> String?

    package init(service: String, host: String, password: @escaping @Sendable (_ user: String) -> String?) {
        self.service = service
        self.host = host
        self.password = password
    }
}

/// The server's side of one authentication. Who the client is comes from its credentials alone: the name it asks to act
/// for (the authorization id) is not looked at.
///
/// Steps of GSSAPI read and write files, and all of them compute: they belong off event loops. One thread at a time.
package final class SASLServerExchange {
    private let settings: SASLServerSettings
    private let mechanism: SASLMechanism
    private var session: SASLSession?
    /// Set by the last step, when it ends well: the user, for GSSAPI the whole principal.
    package private(set) var user: String?

    package init(_ mechanism: SASLMechanism, _ settings: SASLServerSettings) {
        self.settings = settings
        self.mechanism = mechanism
    }

    /// Takes the client's next token; a first one may be empty.
    package func step(_ token: [UInt8]) throws(SASLFailure) -> SASLStep {
        if session == nil { session = try open() }
        guard let step = try session?.step(token) else { preconditionFailure("\(mechanism) without a session") }
        if case .done = step {
            guard let user = session?.authenticatedUser else {
                throw SASLFailure("\(mechanism.rawValue): nobody was authenticated")
            }
            self.user = wholeName(user)
        }
        return step
    }

    private func open() throws(SASLFailure) -> SASLSession {
        try SASLSession(mechanism) { outcome in
            // The session asks for passwords during a step alone, so it never outlives its owner.
            CCyrusSASLNewServer(
                settings.service, settings.host, nil, findPassword, Unmanaged.passUnretained(self).toOpaque(),
                &outcome)
        }
    }

    private func wholeName(_ user: String) -> String {
        guard mechanism == .gssapi, let realm = settings.kerberosRealm, !user.contains("@") else { return user }
        return "\(user)@\(realm)"
    }

    fileprivate func password(of user: String) -> String? { settings.password(user) }
}

/// Called by the library with an exchange as `owner`; returns memory of malloc.
private func findPassword(
    _ owner: UnsafeMutableRawPointer?, _ user: UnsafePointer<CChar>?, _ length: Int
) -> UnsafeMutablePointer<CChar>? {
    guard let owner, let user else { return nil }
    let exchange = Unmanaged<SASLServerExchange>.fromOpaque(owner).takeUnretainedValue()
    let name = String(decoding: UnsafeRawBufferPointer(start: user, count: length), as: UTF8.self)
    return exchange.password(of: name).flatMap { strdup($0) }
}
