import Logging
import NIOCore
import Security
import Transport

/// What all links of a member share.
struct PeerNetwork: Sendable {
    /// No frame between members is longer.
    static let largestFrameInBytes = 1 << 28
    /// Nor is one of somebody who has not yet shown to be a member, and could be anybody.
    static let largestFrameBeforeHelloInBytes = 64 << 10

    let group: any EventLoopGroup
    let logger: Logger
    private let connectTimeout: Duration
    /// nil: members are taken at their word, or at their certificates.
    let authentication: PeerAuthentication?
    private let serverTLS: TLSSettings?
    private let clientTLS: TLSContexts?

    init(_ settings: EnsembleSettings, on group: any EventLoopGroup, logger: Logger) throws(TLSFileFault) {
        self.group = group
        self.logger = logger
        connectTimeout = settings.connectTimeout
        serverTLS = settings.tls
        authentication = settings.authentication
        if let authentication {
            KerberosKeytab.use(authentication.credentials)
            if let keytab = authentication.kerberos?.keytab { KerberosKeytab.use(keytab) }
        }
        if let tls = settings.tls {
            clientTLS = try TLSContexts(tls, role: .client, logger: logger)
        } else {
            clientTLS = nil
        }
    }

    func connectSettings(_ target: PeerDialer.Target, _ kind: PeerLinkKind) -> ConnectSettings {
        ConnectSettings(
            host: target.host, port: target.port, tls: clientTLS, timeout: connectTimeout,
            maximumFrameSizeInBytes: PeerHello.largestSize, unsentBytesBound: kind.unsentBytesBound)
    }

    func listenerSettings(_ host: String, _ port: Int, _ kind: PeerLinkKind) -> ListenerSettings {
        ListenerSettings(
            name: "\(kind)", host: host, port: port, securityProtocol: serverTLS == nil ? .plaintext : .ssl,
            tls: serverTLS, maximumFrameSizeInBytes: Self.largestFrameBeforeHelloInBytes, maximumIdleTime: nil)
    }
}
