/// An `ssl.*` value that cannot be used.
package struct UnusableTLSKey: Error, Sendable, Equatable, CustomStringConvertible {
    package var key: String
    package var value: String
    /// What is wrong, and what would be right.
    package var cause: String

    package var description: String { "\(key)=\(value): \(cause)" }
}

extension TLSSettings {
    /// Reads Apache Kafka's `ssl.*` keys through `value`, which gives a key's text or nil when it is not set.
    ///
    /// Store passwords (`ssl.keystore.password`, `ssl.truststore.password`) mean nothing to PEM and are not looked at.
    package init(keys value: (String) -> String?) throws(UnusableTLSKey) {
        self.init()
        try Self.requirePEM("ssl.keystore.type", value)
        try Self.requirePEM("ssl.truststore.type", value)
        identity = try Self.identity(value)
        keyPassword = value("ssl.key.password")
        trust = try Self.trust(value)
        versions = try Self.versions(value)
        cipherSuites = Self.list(value("ssl.cipher.suites"))
        if let text = value("ssl.client.auth") {
            guard let demand = ClientCertificates(rawValue: text) else {
                throw UnusableTLSKey(
                    key: "ssl.client.auth", value: text, cause: "must be one of none, requested, required")
            }
            clientCertificates = demand
        }
        if let text = value("ssl.endpoint.identification.algorithm") {
            guard text.isEmpty || text.lowercased() == "https" else {
                throw UnusableTLSKey(
                    key: "ssl.endpoint.identification.algorithm", value: text,
                    cause: "must be https, or empty for no check of the host name")
            }
            verifiesHostName = !text.isEmpty
        }
    }

    private static func requirePEM(_ key: String, _ value: (String) -> String?) throws(UnusableTLSKey) {
        guard let type = value(key), type.uppercased() != "PEM" else { return }
        throw UnusableTLSKey(
            key: key, value: type,
            cause: "only PEM is supported (convert with `openssl pkcs12 -in store.p12 -out store.pem -nodes`)")
    }

    private static func identity(_ value: (String) -> String?) throws(UnusableTLSKey) -> Identity? {
        let chain = value("ssl.keystore.certificate.chain")
        let key = value("ssl.keystore.key")
        if let file = value("ssl.keystore.location") {
            if chain != nil || key != nil {
                throw UnusableTLSKey(
                    key: "ssl.keystore.location", value: file,
                    cause: "cannot be combined with ssl.keystore.key or ssl.keystore.certificate.chain")
            }
            return .bundle(file: file)
        }
        switch (key, chain) {
        case (nil, nil): return nil
        case (let key?, let chain?): return .separate(key: .inline(key), chain: .inline(chain))
        case (nil, _?):
            throw UnusableTLSKey(
                key: "ssl.keystore.certificate.chain", value: "(PEM)", cause: "needs ssl.keystore.key besides it")
        case (_?, nil):
            throw UnusableTLSKey(
                key: "ssl.keystore.key", value: "(PEM)", cause: "needs ssl.keystore.certificate.chain besides it")
        }
    }

    private static func trust(_ value: (String) -> String?) throws(UnusableTLSKey) -> PEMSource? {
        let certificates = value("ssl.truststore.certificates")
        guard let file = value("ssl.truststore.location") else { return certificates.map { .inline($0) } }
        if certificates != nil {
            throw UnusableTLSKey(
                key: "ssl.truststore.location", value: file,
                cause: "cannot be combined with ssl.truststore.certificates")
        }
        return .file(file)
    }

    /// `ssl.enabled.protocols` names what may be used; `ssl.protocol` alone names the highest.
    private static func versions(_ value: (String) -> String?) throws(UnusableTLSKey) -> Set<Version> {
        if let text = value("ssl.enabled.protocols") {
            var versions: Set<Version> = []
            for name in list(text) { versions.insert(try version(name, of: "ssl.enabled.protocols")) }
            guard !versions.isEmpty else {
                throw UnusableTLSKey(
                    key: "ssl.enabled.protocols", value: text, cause: "must name TLSv1.2, TLSv1.3 or both")
            }
            return versions
        }
        if let text = value("ssl.protocol"), text != "TLS" {
            return try version(text, of: "ssl.protocol") == .v1_2 ? [.v1_2] : [.v1_2, .v1_3]
        }
        return [.v1_2, .v1_3]
    }

    private static func version(_ name: String, of key: String) throws(UnusableTLSKey) -> Version {
        guard let version = Version(rawValue: name) else {
            throw UnusableTLSKey(key: key, value: name, cause: "must be TLSv1.2 or TLSv1.3")
        }
        return version
    }

    private static func list(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { $0.drop { $0 == " " } }
            .map { String($0.reversed().drop { $0 == " " }.reversed()) }.filter { !$0.isEmpty }
    }
}
