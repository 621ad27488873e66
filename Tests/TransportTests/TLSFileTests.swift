import Foundation
import Security
import Testing

@testable import Transport

@Suite struct TLSFileTests {
    private let lines = LogLines()

    private func cause(_ settings: TLSSettings, _ role: TLSRole = .server) -> String? {
        do {
            _ = try TLSContexts(settings, role: role, logger: lines.logger)
            return nil
        } catch {
            return error.description
        }
    }

    private func path(_ name: String) -> String { TestCertificates.path(name) }

    private func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    @Test func filesThatCannotBeUsedAreNamedWithTheCause() throws {
        #expect(
            cause(TLSSettings(identity: .bundle(file: "/nonexistent.pem")))
                == "/nonexistent.pem: No such file or directory")
        #expect(cause(TLSSettings(identity: .bundle(file: "/"))) == "/: Is a directory")
        #expect(
            cause(TLSSettings(identity: .bundle(file: path("server.crt"))))
                == "\(path("server.crt")): no private key in it")
        #expect(
            cause(TLSSettings(identity: .bundle(file: path("server.key"))))
                == "\(path("server.key")): no certificate in it")
        #expect(
            cause(TLSSettings(trust: .file(path("server.key"))), .client)
                == "\(path("server.key")): no certificate in it")
        let mismatched = TLSSettings(
            identity: .separate(key: .file(path("alice.key")), chain: .file(path("server.crt"))))
        #expect(
            try #require(cause(mismatched)).hasPrefix(
                "\(path("alice.key")): the private key does not belong to the first certificate of \(path("server.crt"))"
            ))
        #expect(try #require(cause(TLSSettings(cipherSuites: ["NO_SUCH"]))).hasPrefix("ssl.cipher.suites: NO_SUCH"))
    }

    @Test func aDamagedCertificateIsRefused() throws {
        let damaged = try text("server.crt").replacingOccurrences(of: "\nMII", with: "\nAAA")
        let settings = TLSSettings(identity: .separate(key: .file(path("server.key")), chain: .inline(damaged)))
        #expect(try #require(cause(settings)).hasPrefix("ssl.keystore.certificate.chain: unreadable certificate"))
    }

    @Test func inlineTextIsAsGoodAsFiles() throws {
        let settings = TLSSettings(
            identity: .separate(key: .inline(try text("server.key")), chain: .inline(try text("server.crt"))),
            trust: .inline(try text("one-ca.crt")), clientCertificates: .required)
        #expect(cause(settings) == nil)
    }

    @Test func theEndsOfCertificatesAreTold() throws {
        let settings = TLSSettings(identity: .bundle(file: path("alice.pem")), trust: .file(path("one-ca.crt")))
        let found = try CertificateValidity.all(in: settings)
        #expect(found.map(\.place) == [path("alice.pem"), path("one-ca.crt")])
        #expect(found.allSatisfy { Double($0.endsAtUnixSeconds) > Date().timeIntervalSince1970 + 86_400 })
        #expect(found[0].subject.contains("alice"))
        #expect(throws: TLSFileFault.self) {
            try CertificateValidity.all(in: TLSSettings(trust: .file("/nonexistent.pem")))
        }
        #expect(try CertificateValidity.all(in: TLSSettings()).isEmpty)
    }

    @Test func encryptedKeysNeedTheirPassword() throws {
        let encrypted = path("encrypted.key")
        TestCertificates.openssl([
            "pkcs8", "-topk8", "-in", path("server.key"), "-passout", "pass:secret", "-out", encrypted,
        ])
        func settings(_ password: String?) -> TLSSettings {
            TLSSettings(
                identity: .separate(key: .file(encrypted), chain: .file(path("server.crt"))), keyPassword: password)
        }
        #expect(cause(settings("secret")) == nil)
        #expect(cause(settings(nil)) == "\(encrypted): the private key is encrypted and ssl.key.password is not set")
        #expect(try #require(cause(settings("wrong"))).contains("is ssl.key.password right?"))
    }
}
