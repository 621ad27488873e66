import Foundation
import Logging
import NIOCore
import NIOPosix
import Security
import Testing
import Transport
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorServer

/// Keeps what comes, for a test to await.
private final class FrameCollector: ConnectionHandler, Sendable {
    let frames: AsyncStream<ByteBuffer>
    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init() { (frames, continuation) = AsyncStream.makeStream() }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        for frame in frames { continuation.yield(frame) }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) { continuation.finish() }
}

@Suite(.timeLimit(.minutes(1))) struct CoordinatorTLSTests {
    /// A folder with what `ops/certs` makes for a server and a user; removed when the test is over.
    private func withCertificates(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "coordinator-tls-\(UUID().uuidString)")
        defer {
            do { try FileManager.default.removeItem(at: folder) } catch {
                Issue.record("cannot remove \(folder.path): \(error)")
            }
        }
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appending(path: "ops/certs")
        process.arguments = ["--out", folder.path, "--ca", "region", "--host", "server", "--user", "alice"]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        try await body(folder)
    }

    private func server(_ folder: URL) async throws -> RunningServer {
        try await RunningServer {
            $0.secure = CoordinatorSettings.Endpoint(host: "127.0.0.1", port: 0)
            $0.tls = TLSSettings(
                identity: .bundle(file: folder.appending(path: "server.pem").path),
                trust: .file(folder.appending(path: "region-ca.crt").path), clientCertificates: .required)
        }
    }

    /// Dials the TLS port, opens a session, and sends `request`; the second frame that comes, nil when none does.
    private func answer(
        to request: ZooKeeperRequest, from running: RunningServer, _ folder: URL, identity: TLSSettings.Identity?
    ) async throws -> ByteBuffer? {
        let tls = TLSSettings(
            identity: identity, trust: .file(folder.appending(path: "region-ca.crt").path))
        let logger = running.lines.logger
        let collector = FrameCollector()
        let settings = ConnectSettings(
            host: "localhost", port: running.server?.securePort ?? 0,
            tls: try TLSContexts(tls, role: .client, logger: logger))
        let connection = try await Connector.connect(
            settings, on: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { _ in collector }
        var writer = WireWriter()
        writer.int32(45)
        var connect = ConnectRequest(timeout: 10_000)
        connect.password = ByteBuffer(repeating: 0, count: 16)
        connect.write(to: &writer)
        let frame = BlockingClient.request(request)
        writer.int32(Int32(frame.readableBytes))
        writer.raw(frame)
        connection.send(writer.buffer())
        defer { connection.close(.ended) }
        var count = 0
        for await frame in collector.frames {
            count += 1
            if count == 2 { return frame }
        }
        return nil
    }

    @Test func aCertificateMakesAnIdentity() async throws {
        try await withCertificates { folder in
            let running = try await server(folder)
            let alice = TLSSettings.Identity.bundle(file: folder.appending(path: "alice.pem").path)
            let frame = try #require(
                try await answer(to: .whoAmI, from: running, folder, identity: alice))
            let identities = try WireReader.read(frame) { reader throws(MalformedInput) in
                _ = try ZooKeeperReplyHeader(reading: &reader)
                return try ZooKeeperReply(to: .whoAmI, reading: &reader)
            }
            #expect(
                identities
                    == .identities([
                        ZooKeeperID(scheme: "ip", id: "127.0.0.1"),
                        ZooKeeperID(scheme: "x509", id: "CN=alice,O=region"),
                    ]))
            try await running.stop()
        }
    }

    @Test func withoutACertificateNobodyIsServed() async throws {
        try await withCertificates { folder in
            let running = try await server(folder)
            var isServed = true
            do {
                isServed = try await answer(to: .whoAmI, from: running, folder, identity: nil) != nil
            } catch is Connector.Failure {
                isServed = false
            }
            #expect(!isServed)
            try await running.stop()
            #expect(running.lines.all.contains { $0.contains("the client shows no certificate") })
        }
    }

    @Test func plaintextOnTheTLSPortHarmsNobody() async throws {
        try await withCertificates { folder in
            let running = try await server(folder)
            let plain = BlockingClient(port: running.server?.securePort ?? 0)
            plain.send(Array("ruok".utf8))
            #expect(!plain.receiveAll().contains("imok"))
            #expect(running.answer(to: "ruok") == "imok")
            try await running.stop()
        }
    }
}
