/// What a TLS listener or client is told: where key, certificates and trust come from, and what it demands of the peer.
///
/// Everything is PEM. Files are read when a context is made from the settings, not here.
package struct TLSSettings: Sendable, Equatable {
    package enum Version: String, Sendable, CaseIterable {
        case v1_2 = "TLSv1.2"
        case v1_3 = "TLSv1.3"
    }

    /// Where PEM text comes from.
    package enum PEMSource: Sendable, Equatable {
        case file(String)
        case inline(String)
    }

    /// A private key with its certificate and the chain above it.
    package enum Identity: Sendable, Equatable {
        /// One file with key, certificate and chain (`ssl.keystore.location` of type PEM).
        case bundle(file: String)
        /// Key and chain apart; files for libraries that keep them so, text for `ssl.keystore.key`.
        case separate(key: PEMSource, chain: PEMSource)
    }

    /// What a server asks of its clients' certificates (`ssl.client.auth`).
    package enum ClientCertificates: String, Sendable, CaseIterable {
        case none
        /// A client may show none; one that is shown has to be good.
        case requested
        case required
    }

    package var identity: Identity?
    package var keyPassword: String?
    /// Certificate authorities to trust; nil means those of the operating system.
    package var trust: PEMSource?
    package var versions: Set<Version>
    /// IANA or OpenSSL names, best first; empty leaves the choice to OpenSSL.
    package var cipherSuites: [String]
    package var clientCertificates: ClientCertificates
    /// Whether a client compares the server's certificate with the host name it dialled.
    package var verifiesHostName: Bool

    package init(
        identity: Identity? = nil, keyPassword: String? = nil, trust: PEMSource? = nil,
        versions: Set<Version> = [.v1_2, .v1_3], cipherSuites: [String] = [],
        clientCertificates: ClientCertificates = .none, verifiesHostName: Bool = true
    ) {
        self.identity = identity
        self.keyPassword = keyPassword
        self.trust = trust
        self.versions = versions
        self.cipherSuites = cipherSuites
        self.clientCertificates = clientCertificates
        self.verifiesHostName = verifiesHostName
    }
}
