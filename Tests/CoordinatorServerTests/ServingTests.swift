import Foundation
import NIOCore
import Testing
import ZooKeeperProtocol

@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(1))) struct ServingTests {
    private func create(_ path: String, _ mode: CreateMode = .persistent) -> ZooKeeperRequest {
        .change(.create(CreateOperation(path: path, data: ByteBuffer(string: "x"), acl: ACL.open, mode: mode)))
    }

    @Test func requestsOfAPipelineAreAnsweredInOrder() async throws {
        let running = try await RunningServer { $0.outstandingRequestLimit = 10 }
        let client = running.client()
        #expect(try client.connect()?.timeout == 10_000)
        for xid: Int32 in 1...500 { client.send(BlockingClient.request(create("/n\(xid)"), xid: xid)) }
        for xid: Int32 in 1...500 { #expect(try client.reply(to: .create)?.header.xid == xid) }
        try await running.stop()
    }

    /// It pings, so it is alive; but it reads nothing.
    @Test func whoDoesNotReadItsEventsIsSentAway() async throws {
        let running = try await RunningServer { $0.unreadEventsBoundInBytes = 100_000 }
        let path = "/" + String(repeating: "long", count: 2000)
        let (deaf, writer) = (running.client(), running.client())
        _ = try deaf.connect()
        _ = try writer.connect()
        _ = try deaf.ask(.addWatch(path: "/", mode: 1))
        _ = try writer.ask(create(path))
        let change = ZooKeeperProtocol.Operation.setData(path: path, data: nil, version: -1)
        // What the operating system holds for both ends comes on top of the bound.
        for _ in 0..<200 where !running.lines.all.contains(where: { $0.contains("does not read its watch events") }) {
            deaf.send(BlockingClient.request(.ping, xid: SpecialXID.ping))
            _ = try writer.ask(.multi(Array(repeating: change, count: 100)))
        }
        #expect(running.lines.all.contains { $0.contains("does not read its watch events") })
        #expect(try writer.ask(.ping)?.header.error == .ok)
        #expect(running.answer(to: "wchs").contains("Total watches:0"))
        try await running.stop()
    }

    @Test func aRestartKeepsTreeAndSessions() async throws {
        let running = try await RunningServer()
        let client = running.client()
        let granted = try #require(try client.connect())
        _ = try client.ask(create("/kept"))
        _ = try client.ask(create("/mine", .ephemeral))
        try await running.stop()
        #expect(client.frame() == nil)
        try await running.start()
        let again = running.client()
        let resumed = try again.connect {
            $0.sessionID = granted.sessionID
            $0.password = granted.password
        }
        #expect(resumed?.sessionID == granted.sessionID)
        #expect(try again.ask(.getEphemerals(prefix: "/"))?.body == .strings(["/mine"]))
        #expect(try again.ask(.getChildren(path: "/", watch: false))?.body == .strings(["kept", "mine", "zookeeper"]))
        try await running.stop()
    }

    @Test func aSnapshotTakesOverFromTheLog() async throws {
        let running = try await RunningServer {
            $0.changesPerSnapshot = 300
            $0.storage.retainedSnapshotCount = 1
        }
        let client = running.client()
        _ = try client.connect()
        for round in 0..<4 {
            for number in 0..<100 { client.send(BlockingClient.request(create("/n\(round)-\(number)"))) }
            for _ in 0..<100 { #expect(try client.reply(to: .create)?.header.error == .ok) }
        }
        try await running.stop()
        let names = try FileManager.default.contentsOfDirectory(atPath: running.directory)
        #expect(names.filter { $0.hasPrefix("snapshot.") }.count == 1)
        try await running.start()
        #expect(running.answer(to: "srvr").contains("Node count: 405\n"))
        try await running.stop()
    }

    @Test func twoServersNeverShareADirectory() async throws {
        let running = try await RunningServer()
        let error = await #expect(throws: (any Error).self) {
            _ = try await RunningServer { $0.storage = .init(snapshotDirectory: running.directory) }
        }
        #expect("\(String(describing: error))".contains("is in use by another process"))
        try await running.stop()
    }

    @Test func aPortInUseLeavesNoTrace() async throws {
        let running = try await RunningServer()
        let folder = running.directory + "-other"
        let error = await #expect(throws: (any Error).self) {
            _ = try await RunningServer {
                $0.plaintext?.port = running.server?.plaintextPort ?? 0
                $0.storage = .init(snapshotDirectory: folder)
            }
        }
        #expect("\(String(describing: error))".contains("the port is in use"))
        #expect(!FileManager.default.fileExists(atPath: folder))
        try await running.stop()
    }

    // MARK: Bad input

    /// Whatever one connection sends, another one is served.
    private func isHarmless(_ bytes: [UInt8], _ running: RunningServer) throws {
        let bystander = running.client()
        _ = try bystander.connect()
        let client = running.client()
        client.send(bytes)
        client.finish()
        _ = client.receive(.max)
        #expect(try bystander.ask(.ping)?.header.error == .ok)
    }

    @Test func nonsenseEndsItsConnectionAlone() async throws {
        let running = try await RunningServer()
        var random = SystemRandomNumberGenerator()
        try isHarmless([0xff, 0xff, 0xff, 0xff], running)
        try isHarmless([0x7f, 0xff, 0xff, 0xff, 1, 2, 3], running)
        try isHarmless([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03], running)
        try isHarmless(Array("GET / HTTP/1.1\r\n\r\n".utf8), running)
        try isHarmless([], running)
        for _ in 0..<50 {
            let count = Int.random(in: 1...200, using: &random)
            try isHarmless((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }, running)
            let framed = [0, 0, 0, UInt8(count)] + (0..<count).map { _ in UInt8.random(in: .min ... .max) }
            try isHarmless(framed, running)
        }
        #expect(running.lines.all.contains { $0.contains("more than the 1048575 allowed") })
        try await running.stop()
    }

    @Test func addressesHaveALimitOfConnections() async throws {
        let running = try await RunningServer { $0.maximumConnectionsPerAddress = 2 }
        let first = running.client()
        let second = running.client()
        _ = try first.connect()
        _ = try second.connect()
        let third = running.client()
        #expect(third.receive(1) == [])
        try await running.stop()
    }
}
