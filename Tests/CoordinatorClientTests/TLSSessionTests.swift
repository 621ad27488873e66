import Foundation
import Security
import Testing
import Transport

@testable import CoordinatorClient

@Suite(.timeLimit(.minutes(1))) struct TLSSessionTests {
    /// A folder with what `ops/certs` makes for a server and a user; removed when the test is over.
    private func withCertificates(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "coordinator-client-\(UUID().uuidString)")
        defer {
            do { try FileManager.default.removeItem(at: folder) } catch {
                Issue.record("cannot remove \(folder.path): \(error)")
            }
        }
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appending(path: "ops/certs")
        process.arguments = ["--out", folder.path, "--ca", "region", "--host", "server", "--user", "broker"]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        try await body(folder)
    }

    @Test func bothSidesShowCertificates() async throws {
        try await withCertificates { folder in
            let trust = TLSSettings.PEMSource.file(folder.appending(path: "region-ca.crt").path)
            let server = TLSSettings(
                identity: .bundle(file: folder.appending(path: "server.pem").path), trust: trust,
                clientCertificates: .required)
            var client = TLSSettings(
                identity: .bundle(file: folder.appending(path: "broker.pem").path), trust: trust)
            let coordinator = ScriptedCoordinator { _ in (.ok, .strings(["a"])) }
            try await coordinator.start(tls: server)

            var settings = try CoordinatorSettings(connect: "localhost:\(coordinator.port)")
            settings.tls = try TLSContexts(client, role: .client, logger: silentLogger)
            let session = CoordinatorSession(
                settings, on: ScriptedCoordinator.group, logger: silentLogger, events: { _ in })
            try await session.start()
            #expect(try await session.perform(.getChildren(path: "/", watch: false)) == .strings(["a"]))
            await session.close()

            client.identity = nil
            settings.tls = try TLSContexts(client, role: .client, logger: silentLogger)
            settings.connectionTimeout = .milliseconds(500)
            let stranger = CoordinatorSession(
                settings, on: ScriptedCoordinator.group, logger: silentLogger, events: { _ in })
            let error = await #expect(throws: CoordinatorError.self) { try await stranger.start() }
            let text = error?.description ?? ""
            #expect(text.contains("certificate"))
            try await coordinator.stop()
        }
    }
}
