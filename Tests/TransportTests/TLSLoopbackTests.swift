import Foundation
import NIOCore
import NIOPosix
import Security
import Testing
import WireCoding

@testable import Transport

@Suite struct TLSLoopbackTests {
    private let group = MultiThreadedEventLoopGroup.singleton
    private let lines = LogLines()

    private var serverTLS: TLSSettings {
        TLSSettings(
            identity: .bundle(file: TestCertificates.path("server.pem")),
            trust: .file(TestCertificates.path("one-ca.crt")))
    }

    private var clientTLS: TLSSettings { TLSSettings(trust: .file(TestCertificates.path("one-ca.crt"))) }

    private func alice(_ name: String = "alice") -> TLSSettings {
        var settings = clientTLS
        settings.identity = .bundle(file: TestCertificates.path("\(name).pem"))
        return settings
    }

    private func listener(
        _ tls: TLSSettings, rules: String = "", _ adjust: (inout ListenerSettings) -> Void = { _ in },
        makeHandler: @escaping @Sendable (Connection) -> any ConnectionHandler = { _ in RecordingHandler.echo() }
    ) async throws -> Listener {
        var settings = ListenerSettings(
            name: "TLS", host: "127.0.0.1", port: 0, securityProtocol: .ssl, tls: tls,
            principals: try PrincipalMapping(rules), maximumFrameSizeInBytes: 64 << 20)
        settings.fileCheckInterval = .zero
        // Simulations in other tests may keep this one waiting for minutes.
        settings.handshakeTimeout = .seconds(600)
        adjust(&settings)
        return try await Listener.bind(settings, on: group, logger: lines.logger, makeHandler: makeHandler)
    }

    private func dial(
        _ listener: Listener, _ tls: TLSSettings?, host: String = "localhost", _ handler: RecordingHandler
    ) async throws -> Connection {
        let contexts = try tls.map { try TLSContexts($0, role: .client, logger: lines.logger) }
        return try await Connector.connect(
            ConnectSettings(host: host, port: listener.port, tls: contexts, timeout: .seconds(10)), on: group,
            logger: lines.logger
        ) { _ in handler }
    }

    @Test(arguments: [TLSSettings.Version.v1_2, .v1_3])
    func bothVersionsCarryFrames(_ version: TLSSettings.Version) async throws {
        var server = serverTLS
        server.versions = [version]
        let listener = try await listener(server)
        let client = RecordingHandler()
        let connection = try await dial(listener, clientTLS, client)
        #expect(connection.tlsSession?.version == version.rawValue)
        #expect(connection.peerCertificate?.subject == "CN=server,O=one")
        let sent = (0..<200).map { [UInt8](repeating: UInt8($0), count: $0 * 331) }
        for bytes in sent { connection.send(frame(bytes)) }
        #expect(await client.frames(sent.count) == sent)
        connection.close(.ended)
        try await listener.close()
    }

    @Test(arguments: [TLSSettings.Version.v1_2, .v1_3])
    func whatWasSentBeforeTheEndArrives(_ version: TLSSettings.Version) async throws {
        var server = serverTLS
        server.versions = [version]
        let received = RecordingHandler()
        let listener = try await listener(server, makeHandler: { _ in received })
        let begun = RecordingHandler()
        let connection = try await dial(listener, clientTLS, begun)
        let sent = (0..<20).map { [UInt8](repeating: UInt8($0), count: 5000) }
        // One write, so that the server reads the frames and the end in one burst.
        try await connection.eventLoop.submit {
            for bytes in sent { connection.send(frame(bytes)) }
            connection.close(.ended)
        }.get()
        #expect(await received.frames(sent.count) == sent)
        #expect(await received.closeReason() == .endedByPeer)
        try await listener.close()
    }

    @Test(arguments: [
        "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
    ])
    func cipherSuitesOfEitherNamingAreUsed(_ name: String) async throws {
        var server = serverTLS
        server.versions = name == "TLS_AES_256_GCM_SHA384" ? [.v1_3] : [.v1_2]
        server.cipherSuites = [name]
        let listener = try await listener(server)
        let connection = try await dial(listener, clientTLS, RecordingHandler())
        let chosen = try #require(connection.tlsSession?.cipherSuite)
        #expect([name, "ECDHE-ECDSA-AES256-GCM-SHA384"].contains(chosen))
        try await listener.close()
    }

    @Test func aClientsCertificateNamesItsPrincipal() async throws {
        var server = serverTLS
        server.clientCertificates = .required
        let principals = AsyncStream<KafkaPrincipal>.makeStream()
        let listener = try await listener(
            server, rules: "RULE:^CN=([^,]+),.*$/$1/U,DEFAULT",
            makeHandler: { connection in
                principals.continuation.yield(connection.principal)
                return RecordingHandler.echo()
            })
        _ = try await dial(listener, alice(), RecordingHandler())
        var iterator = principals.stream.makeAsyncIterator()
        #expect(await iterator.next() == KafkaPrincipal(name: "ALICE"))
        try await listener.close()
    }

    @Test func whoShowsNoCertificateIsAnonymousWhereItIsOnlyRequested() async throws {
        var server = serverTLS
        server.clientCertificates = .requested
        let principals = AsyncStream<KafkaPrincipal>.makeStream()
        let listener = try await listener(
            server,
            makeHandler: { connection in
                principals.continuation.yield(connection.principal)
                return RecordingHandler.echo()
            })
        _ = try await dial(listener, clientTLS, RecordingHandler())
        var iterator = principals.stream.makeAsyncIterator()
        #expect(await iterator.next() == .anonymous)
        try await listener.close()
    }

    @Test(arguments: [TLSSettings.Version.v1_2, .v1_3], ["", "mallory"])
    func aClientWithoutTheRightCertificateIsRefusedAndTheLogSaysWhy(
        _ version: TLSSettings.Version, _ name: String
    ) async throws {
        var server = serverTLS
        server.clientCertificates = .required
        server.versions = [version]
        let listener = try await listener(server)
        let client = RecordingHandler()
        // TLS 1.3 tells the client only after it took the connection for established.
        let told: String?
        do {
            _ = try await dial(listener, name.isEmpty ? clientTLS : alice(name), client)
            told = await client.closeReason()?.description
        } catch let failure as Connector.Failure {
            told = failure.cause
        }
        let mend =
            switch (name, version) {
            case ("", .v1_3): "TLS: the peer requires a certificate, and we showed none: set ssl.keystore.location"
            case ("", _): "TLS: the peer found no way to agree: compare ssl.cipher.suites, and show a certificate"
            default: "TLS: the peer trusts no authority that signed our certificate"
            }
        #expect(told?.hasPrefix(mend) == true, "\(told ?? "nothing")")
        let refusals = try await lines.containing("listener TLS")
        #expect(refusals.count == 1)
        let expected =
            name.isEmpty
            ? "the client shows no certificate, which this listener requires"
            : "the certificate of CN=mallory,O=two is refused: unable to get local issuer certificate"
        #expect(refusals.first?.contains(expected) == true, "\(lines.all)")
        try await listener.close()
    }

    @Test func aServerOfAnotherAuthorityOrNameIsRefused() async throws {
        var impostor = serverTLS
        impostor.identity = .bundle(file: TestCertificates.path("impostor.pem"))
        let wrongAuthority = try await listener(impostor)
        await #expect {
            _ = try await dial(wrongAuthority, clientTLS, RecordingHandler())
        } throws: { "\($0)".contains("the certificate of CN=impostor,O=two is refused") }
        try await wrongAuthority.close()

        let wrongName = try await listener(serverTLS)
        await #expect {
            _ = try await dial(wrongName, clientTLS, host: "127.0.0.2", RecordingHandler())
        } throws: { "\($0)".contains("nobody listens there") }
        var unchecked = clientTLS
        unchecked.verifiesHostName = false
        _ = try await dial(wrongName, unchecked, host: "127.0.0.1", RecordingHandler())
        try await wrongName.close()
    }

    @Test func theDialledNameHasToBeInTheCertificate() async throws {
        let listener = try await listener(serverTLS) { $0.host = "127.0.0.2" }
        await #expect {
            _ = try await dial(listener, clientTLS, host: "127.0.0.2", RecordingHandler())
        } throws: { "\($0)".contains("IP address mismatch") }
        var unchecked = clientTLS
        unchecked.verifiesHostName = false
        _ = try await dial(listener, unchecked, host: "127.0.0.2", RecordingHandler())
        try await listener.close()
    }

    @Test func plaintextToTLSAndTheReverseAreToldInWords() async throws {
        let secure = try await listener(serverTLS)
        let client = RecordingHandler()
        let connection = try await dial(secure, nil, host: "127.0.0.1", client)
        connection.send(frame([1, 2, 3]))
        _ = await client.closeReason()
        try await secure.close()
        let refusals = try await lines.containing("plaintext on a TLS listener")
        #expect(refusals.count == 1)
        #expect(refusals.allSatisfy { $0.contains("of \(connection.localAddress) ") })

        let plain = try await listener(serverTLS) { $0.securityProtocol = .plaintext }
        await #expect(throws: Connector.Failure.self) { _ = try await dial(plain, clientTLS, RecordingHandler()) }
        try await plain.close()
        #expect(try await lines.containing("a TLS hello on a plaintext listener").count == 1)
    }

    @Test func changedFilesAreUsedForNewConnectionsAndLivingOnesStay() async throws {
        let folder = TestCertificates.folder.appending(path: "reload")
        TestCertificates.make(into: folder, ["--ca", "one", "--host", "server"])
        TestCertificates.make(into: folder, ["--ca", "two", "--host", "other"])
        var server = serverTLS
        let current = folder.appending(path: "server.pem").path
        server.identity = .bundle(file: current)
        let listener = try await listener(server)
        var trustsOne = clientTLS
        trustsOne.trust = .file(folder.appending(path: "one-ca.crt").path)
        var trustsTwo = clientTLS
        trustsTwo.trust = .file(folder.appending(path: "two-ca.crt").path)
        let before = RecordingHandler()
        let living = try await dial(listener, trustsOne, before)

        try Data("nonsense".utf8).write(to: URL(filePath: current), options: .atomic)
        _ = try await dial(listener, trustsOne, RecordingHandler())
        _ = try await dial(listener, trustsOne, RecordingHandler())
        #expect(try await lines.containing("cannot be used, the old ones stay in use").count == 1)

        try Data(contentsOf: folder.appending(path: "other.pem")).write(to: URL(filePath: current), options: .atomic)
        let after = try await dial(listener, trustsTwo, RecordingHandler())
        #expect(after.peerCertificate?.subject == "CN=other,O=two")
        living.send(frame([42]))
        #expect(await before.frames(1) == [[42]])
        try await listener.close()
    }

    @Test func aHandshakeThatDoesNotComeIsReaped() async throws {
        let listener = try await listener(serverTLS) { $0.handshakeTimeout = .milliseconds(50) }
        let client = RecordingHandler()
        _ = try await dial(listener, nil, host: "127.0.0.1", client)
        #expect(await client.closeReason() == .endedByPeer)
        #expect(try await !lines.containing("no handshake within").isEmpty)
        try await listener.close()
    }

    @Test func muchGoesBothWaysAtOnce() async throws {
        let listener = try await listener(serverTLS)
        let client = RecordingHandler()
        let connection = try await dial(listener, clientTLS, client)
        let sent = (0..<12).map { number in (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* (number + 3) >> 3) } }
        for bytes in sent { connection.send(frame(bytes)) }
        let received = await client.frames(sent.count)
        #expect(received == sent)
        try await listener.close()
    }
}
