import Foundation

/// Two authorities with certificates under them, made once a run by `ops/certs` and removed at its end.
enum TestCertificates {
    /// The folder, with `one-ca.crt`, `two-ca.crt`, `server.pem`, `alice.pem`, `mallory.pem` (of authority `two`).
    static let folder: URL = {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "transport-tests-\(ProcessInfo.processInfo.processIdentifier)")
        atexit { removeFolder() }
        make(into: folder, ["--ca", "one", "--host", "server", "--user", "alice"])
        make(into: folder, ["--ca", "two", "--host", "impostor", "--user", "mallory"])
        return folder
    }()

    private static func removeFolder() {
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            print("cannot remove \(folder.path): \(error)")
        }
    }

    static func path(_ name: String) -> String { folder.appending(path: name).path }

    /// Runs `ops/certs`; a failure shows as missing files in the tests that use them.
    static func make(into folder: URL, _ arguments: [String]) {
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "ops/certs")
        run(script, ["--out", folder.path] + arguments)
    }

    static func openssl(_ arguments: [String]) {
        run(URL(filePath: "/usr/bin/openssl"), arguments)
    }

    private static func run(_ program: URL, _ arguments: [String]) {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            preconditionFailure("cannot run \(program.path): \(error)")
        }
        process.waitUntilExit()
        precondition(process.terminationStatus == 0, "\(program.path) \(arguments) failed")
    }
}
