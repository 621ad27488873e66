import COpenSSL
import Glibc
import Security

/// Which side of TLS a context is for.
package enum TLSRole: Sendable {
    case server
    case client
}

/// Keys, certificates and rules as OpenSSL wants them, made from one reading of the files. Sessions hold on to it.
final class TLSContext: Sendable {
    /// One side of one session.
    enum Side {
        case server
        /// `host` is what was dialled: told to the server, and compared with its certificate.
        case client(host: String)
    }

    /// OpenSSL counts references to it and allows sessions to be made on all threads.
    private nonisolated(unsafe) let context: OpaquePointer
    private let verifiesHostName: Bool

    init(_ settings: TLSSettings, role: TLSRole) throws(TLSFileFault) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method()) else {
            throw TLSFileFault(file: "TLS", cause: OpenSSLErrors.take() ?? "OpenSSL made no context")
        }
        self.context = context
        verifiesHostName = settings.verifiesHostName
        COpenSSLPrepareContext(
            context, settings.versions.contains(.v1_2) ? TLS1_2_VERSION : TLS1_3_VERSION,
            settings.versions.contains(.v1_3) ? TLS1_3_VERSION : TLS1_2_VERSION)
        try setCipherSuites(settings.cipherSuites)
        if let identity = settings.identity { try setIdentity(identity, password: settings.keyPassword) }
        switch (role, settings.clientCertificates) {
        case (.server, .none):
            COpenSSLSetVerify(context, SSL_VERIFY_NONE)
        case (.server, let demand):
            let mode = demand == .required ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER
            COpenSSLSetVerify(context, mode)
            try setTrust(settings.trust, announces: true)
        case (.client, _):
            COpenSSLSetVerify(context, SSL_VERIFY_PEER)
            try setTrust(settings.trust, announces: false)
        }
    }

    deinit { SSL_CTX_free(context) }

    /// A new session of `side`.
    func session(_ side: Side) throws(TLSFault) -> TLSSessionState {
        ERR_clear_error()
        let session = try TLSSessionState(context: context)
        switch side {
        case .server:
            SSL_set_accept_state(session.pointer)
        case .client(let host):
            SSL_set_connect_state(session.pointer)
            try setHost(host, session.pointer)
        }
        return session
    }

    private func setHost(_ host: String, _ session: OpaquePointer) throws(TLSFault) {
        let parameters = SSL_get0_param(session)
        let isAddress = a2i_IPADDRESS(host).map { ASN1_OCTET_STRING_free($0) } != nil
        var isSet: Int32 = 1
        if !isAddress { isSet = COpenSSLSetServerName(session, host) }
        if isSet == 1, verifiesHostName {
            if isAddress {
                isSet = X509_VERIFY_PARAM_set1_ip_asc(parameters, host)
            } else {
                X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
                isSet = X509_VERIFY_PARAM_set1_host(parameters, host, 0)
            }
        }
        guard isSet == 1 else { throw TLSFault("\(host) cannot be a host name: \(OpenSSLErrors.take() ?? "refused")") }
    }

    // MARK: Cipher suites

    /// Names of TLS 1.3 go one way, all others another; IANA's names of the latter are translated.
    private func setCipherSuites(_ names: [String]) throws(TLSFileFault) {
        guard !names.isEmpty else { return }
        let ofVersion13 = names.filter { $0.hasPrefix("TLS_") && !$0.contains("_WITH_") }
        let ofVersion12 = names.filter { !ofVersion13.contains($0) }.map { name in
            let translated = OPENSSL_cipher_name(name).map { String(cString: $0) } ?? "(NONE)"
            return translated == "(NONE)" ? name : translated
        }
        var isSet: Int32 = 1
        if !ofVersion13.isEmpty { isSet = SSL_CTX_set_ciphersuites(context, ofVersion13.joined(separator: ":")) }
        if isSet == 1, !ofVersion12.isEmpty {
            isSet = SSL_CTX_set_cipher_list(context, ofVersion12.joined(separator: ":"))
        }
        guard isSet == 1 else {
            throw TLSFileFault(
                file: "ssl.cipher.suites",
                cause: "\(names.joined(separator: ",")): \(OpenSSLErrors.take() ?? "refused")")
        }
    }

    // MARK: Key and certificates

    private func setIdentity(_ identity: TLSSettings.Identity, password: String?) throws(TLSFileFault) {
        let (keySource, chainSource): (TLSSettings.PEMSource, TLSSettings.PEMSource) =
            switch identity {
            case .bundle(let file): (.file(file), .file(file))
            case .separate(let key, let chain): (key, chain)
            }
        let key = try PEMText(keySource, inlineName: "ssl.keystore.key")
        let chain = try PEMText(chainSource, inlineName: "ssl.keystore.certificate.chain")
        var isFirst = true
        try chain.forEachCertificate { certificate throws(TLSFileFault) in
            if isFirst {
                guard SSL_CTX_use_certificate(context, certificate) == 1 else {
                    throw chain.fault("unusable certificate")
                }
            } else {
                X509_up_ref(certificate)
                guard COpenSSLAddChainCertificate(context, certificate) == 1 else {
                    X509_free(certificate)
                    throw chain.fault("unusable certificate in the chain")
                }
            }
            isFirst = false
        }
        let privateKey = try key.privateKey(password: password)
        defer { EVP_PKEY_free(privateKey) }
        guard SSL_CTX_use_PrivateKey(context, privateKey) == 1, SSL_CTX_check_private_key(context) == 1 else {
            throw key.fault("the private key does not belong to the first certificate of \(chain.name)")
        }
    }

    /// `announces` tells clients which authorities are trusted, so that they can choose a certificate.
    private func setTrust(_ trust: TLSSettings.PEMSource?, announces: Bool) throws(TLSFileFault) {
        guard let trust else {
            guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw TLSFileFault(
                    file: "the system's certificate authorities", cause: OpenSSLErrors.take() ?? "unreadable")
            }
            return
        }
        let text = try PEMText(trust, inlineName: "ssl.truststore.certificates")
        let store = SSL_CTX_get_cert_store(context)
        try text.forEachCertificate { certificate throws(TLSFileFault) in
            guard X509_STORE_add_cert(store, certificate) == 1 else { throw text.fault("unusable certificate") }
            if announces, SSL_CTX_add_client_CA(context, certificate) != 1 {
                throw text.fault("unusable certificate")
            }
        }
    }
}
