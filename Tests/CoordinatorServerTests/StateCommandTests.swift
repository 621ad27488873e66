import Foundation
import NIOCore
import Testing
import ZooKeeperProtocol

@testable import CoordinatorServer

/// `snapshot` and `restore` over HTTP.
@Suite(.timeLimit(.minutes(1))) struct StateCommandTests {
    private struct Answer {
        var status: Int
        var headers: [String: String]
        var body: [UInt8]

        var error: String? {
            let object = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
            return object?["error"] as? String
        }
    }

    private func running(_ change: (inout AdminSettings) -> Void = { _ in }) async throws -> RunningServer {
        try await RunningServer { settings in
            var admin = AdminSettings(endpoint: .init(host: "127.0.0.1", port: 0))
            admin.stateInterval = .zero
            change(&admin)
            settings.admin = admin
            settings.fourLetterWords = [.mntr]
        }
    }

    private func ask(
        _ running: RunningServer, _ method: String = "GET", _ path: String = "snapshot", user: String? = "digest a:b",
        type: String = "application/octet-stream", body: [UInt8] = []
    ) throws -> Answer {
        let client = BlockingClient(port: running.server?.adminPort ?? 0)
        var head = "\(method) /commands/\(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        if let user { head += "Authorization: \(user)\r\n" }
        if method == "POST" { head += "Content-Type: \(type)\r\nContent-Length: \(body.count)\r\n" }
        client.send(Array((head + "\r\n").utf8) + body)
        let answer = client.receive(.max)
        let end = try #require(answer.firstRange(of: Array("\r\n\r\n".utf8)))
        let lines = String(decoding: answer[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ": ", maxSplits: 1)
            headers[String(parts[0])] = String(parts[1])
        }
        let status = try #require(Int(lines[0].split(separator: " ")[1]))
        return Answer(status: status, headers: headers, body: Array(answer[end.upperBound...]))
    }

    private func create(_ path: String, on client: BlockingClient) throws {
        let operation = CreateOperation(path: path, data: ByteBuffer(string: "x"), acl: ACL.open, mode: .persistent)
        #expect(try client.ask(.change(.create(operation)))?.header.error == .ok)
    }

    @Test func aSnapshotPutsBackWhatWasThen() async throws {
        let running = try await running()
        let client = running.client()
        _ = try client.connect()
        for number in 0..<200 { try create("/early\(number)", on: client) }
        let snapshot = try ask(running, "GET", "snapshot?streaming=true")
        #expect(snapshot.status == 200 && snapshot.headers["Content-Type"] == "application/octet-stream")
        #expect(snapshot.headers["last_zxid"] == "0xc9")
        #expect(snapshot.headers["snapshot_size"] == "\(snapshot.body.count)")
        for number in 0..<50 { try create("/late\(number)", on: client) }

        let restored = try ask(running, "POST", "restore", body: snapshot.body)
        #expect(restored.status == 200 && restored.error == nil)
        #expect(String(decoding: restored.body, as: UTF8.self).contains("\"last_zxid\" : 201"))
        // Who was connected has to come again, and finds the old state, which goes on from there.
        #expect(client.frame() == nil)
        let again = running.client()
        _ = try again.connect()
        #expect(try again.ask(.exists(path: "/early199", watch: false))?.header.error == .ok)
        #expect(try again.ask(.exists(path: "/late0", watch: false))?.header.error == .noNode)
        try create("/after", on: again)
        // Nothing of what was replaced comes back.
        try await running.stop()
        try await running.start()
        let last = running.client()
        _ = try last.connect()
        #expect(try last.ask(.exists(path: "/after", watch: false))?.header.error == .ok)
        #expect(try last.ask(.getAllChildrenNumber(path: "/"))?.body == .number(204))
        try await running.stop()
    }

    @Test func withoutStreamingOnlyTheHeadersCome() async throws {
        let running = try await running()
        let answer = try ask(running, "GET", "snap?streaming=false")
        #expect(answer.status == 200 && answer.headers["Content-Type"] == "application/json")
        #expect(answer.headers["last_zxid"] == "0x0" && Int(answer.headers["snapshot_size"] ?? "") ?? 0 > 0)
        try await running.stop()
    }

    @Test func onlyWhoMayDoEverythingOnTheRootIsServed() async throws {
        let running = try await running()
        #expect(try ask(running, user: nil).status == 401)
        for user in ["digest", "nonsense a:b", "digest a b", "x509"] {
            let answer = try ask(running, user: user)
            #expect(answer.status == 401 && answer.error == "Not authenticated")
        }
        #expect(try ask(running, user: "ip").status == 200)
        let client = running.client()
        _ = try client.connect()
        _ = try client.ask(.auth(scheme: "digest", credentials: ByteBuffer(string: "root:secret")))
        let acl = [ACL(.all, ZooKeeperID(scheme: "auth", id: "")), ACL([.read], .anyone)]
        _ = try client.ask(.setACL(path: "/", acl: acl, version: -1))
        for (method, path) in [("GET", "snapshot"), ("POST", "restore")] {
            let answer = try ask(running, method, path)
            #expect(answer.status == 403 && answer.error == "Not authorized")
        }
        #expect(try ask(running, user: "digest root:secret").status == 200)
        try await running.stop()
    }

    @Test func whatIsSwitchedOffComesTooOftenOrIsNoBackupIsRefused() async throws {
        let off = try await running {
            $0.allowsSnapshot = false
            $0.allowsRestore = false
        }
        #expect(try ask(off).status == 503)
        #expect(try ask(off, "POST", "restore").status == 503)
        try await off.stop()
        let running = try await running { $0.stateInterval = .seconds(300) }
        let backup = try ask(running)
        #expect(backup.status == 200)
        #expect(try ask(running).status == 429)
        #expect(try ask(running, "POST", "restore", type: "text/plain", body: backup.body).status == 400)
        #expect(try ask(running, "GET", "restore").status == 405)
        #expect(try ask(running, "POST", "snapshot").status == 405)
        var damaged = backup.body
        damaged[backup.body.count / 2] ^= 1
        let client = running.client()
        _ = try client.connect()
        try create("/here", on: client)
        let refused = try ask(running, "POST", "restore", body: damaged)
        #expect(refused.status == 500 && refused.error?.contains("damaged") == true)
        #expect(try ask(running, "POST", "restore", body: backup.body).status == 429)
        #expect(try client.ask(.exists(path: "/here", watch: false))?.header.error == .ok)
        let figures = running.answer(to: "mntr")
        #expect(figures.contains("zk_restore_error_count\t1\n") && figures.contains("zk_snapshot_error_count\t0\n"))
        #expect(figures.contains("zk_snapshot_rate_limited_count\t1\n"))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: running.directory)
                .allSatisfy { !$0.hasSuffix(".receiving") })
        try await running.stop()
    }
}
