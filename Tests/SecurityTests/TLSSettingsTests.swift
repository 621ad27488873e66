import Testing

@testable import Security

@Suite struct TLSSettingsTests {
    private func read(_ keys: [String: String]) throws -> TLSSettings { try TLSSettings { keys[$0] } }

    @Test func defaultsAreApachesForPEM() throws {
        let settings = try read([:])
        #expect(settings.identity == nil)
        #expect(settings.trust == nil)
        #expect(settings.versions == [.v1_2, .v1_3])
        #expect(settings.verifiesHostName)
        #expect(settings.clientCertificates == .none)
    }

    @Test func filesAndTextAreTold() throws {
        let files = try read([
            "ssl.keystore.type": "PEM", "ssl.keystore.location": "/k.pem", "ssl.key.password": "p",
            "ssl.truststore.location": "/ca.pem", "ssl.client.auth": "required",
            "ssl.endpoint.identification.algorithm": "", "ssl.enabled.protocols": "TLSv1.2",
            "ssl.cipher.suites": " TLS_AES_128_GCM_SHA256 ,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        ])
        #expect(files.identity == .bundle(file: "/k.pem"))
        #expect(files.keyPassword == "p")
        #expect(files.trust == .file("/ca.pem"))
        #expect(files.clientCertificates == .required)
        #expect(!files.verifiesHostName)
        #expect(files.versions == [.v1_2])
        #expect(files.cipherSuites == ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"])
        let text = try read([
            "ssl.keystore.key": "K", "ssl.keystore.certificate.chain": "C", "ssl.truststore.certificates": "T",
        ])
        #expect(text.identity == .separate(key: .inline("K"), chain: .inline("C")))
        #expect(text.trust == .inline("T"))
    }

    @Test(arguments: [
        ["ssl.keystore.type": "JKS"], ["ssl.truststore.type": "PKCS12"], ["ssl.keystore.key": "K"],
        ["ssl.keystore.certificate.chain": "C"], ["ssl.keystore.location": "/k", "ssl.keystore.key": "K"],
        ["ssl.truststore.location": "/k", "ssl.truststore.certificates": "T"], ["ssl.client.auth": "want"],
        ["ssl.endpoint.identification.algorithm": "ldap"], ["ssl.enabled.protocols": "TLSv1.1"],
        ["ssl.enabled.protocols": ","], ["ssl.protocol": "SSLv3"],
    ])
    func unusableValuesNameTheirKey(_ keys: [String: String]) {
        #expect { _ = try read(keys) } throws: { error in
            guard let error = error as? UnusableTLSKey else { return false }
            return keys.keys.contains(error.key) && error.description.contains(error.key)
        }
    }
}
