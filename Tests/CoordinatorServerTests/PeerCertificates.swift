import Foundation
import Security
import Testing

/// Gives `body` what a member of an ensemble shows and trusts, and the same of another authority.
func withPeerCertificates(_ body: (_ identity: TLSSettings, _ stranger: TLSSettings) async throws -> Void) async throws
{
    let folder = FileManager.default.temporaryDirectory.appending(path: "peer-tls-\(UUID().uuidString)")
    defer {
        do { try FileManager.default.removeItem(at: folder) } catch {
            Issue.record("cannot remove \(folder.path): \(error)")
        }
    }
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    func settings(_ authority: String) throws -> TLSSettings {
        let process = Process()
        process.executableURL = root.appending(path: "ops/certs")
        process.arguments = ["--out", folder.path, "--ca", authority, "--host", "\(authority)-member"]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return TLSSettings(
            identity: .bundle(file: folder.appending(path: "\(authority)-member.pem").path),
            trust: .file(folder.appending(path: "\(authority)-ca.crt").path), clientCertificates: .required)
    }
    try await body(settings("ensemble"), settings("other"))
}
