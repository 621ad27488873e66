import Foundation
import NIOCore
import NIOPosix
import Quorum
import Testing
import Transport
import ZooKeeperProtocol

@testable import CoordinatorKernel
@testable import CoordinatorServer

/// Three servers on loopback that are one ensemble.
@Suite(.timeLimit(.minutes(2)), .serialized) struct EnsembleServerTests {
    private func create(_ path: String) -> ZooKeeperRequest {
        .change(.create(CreateOperation(path: path, data: ByteBuffer(string: "x"), acl: ACL.open, mode: .persistent)))
    }

    /// Ports that were free a moment ago.
    private func freePorts(_ count: Int) async throws -> [Int] {
        var channels: [any Channel] = []
        for _ in 0..<count {
            channels.append(
                try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .bind(host: "127.0.0.1", port: 0).get())
        }
        let ports = channels.compactMap { $0.localAddress?.port }
        for channel in channels { try await channel.close() }
        return ports
    }

    private func startEnsemble(
        of count: Int = 3, _ change: @escaping (inout CoordinatorSettings) -> Void = { _ in }
    ) async throws -> [RunningServer] {
        let ports = try await freePorts(2 * count)
        let membership = Membership(
            (0..<count).map {
                Membership.Member(
                    id: MemberID(Int64($0 + 1)), address: "127.0.0.1:\(ports[2 * $0]):\(ports[2 * $0 + 1])")
            })
        var servers: [RunningServer] = []
        for member in membership.members {
            let listeners = try MemberAddress(member.address).endpoints
            servers.append(
                try await RunningServer {
                    $0.ensemble = EnsembleSettings(id: member.id, membership: membership, listeners: listeners)
                    change(&$0)
                })
        }
        return servers
    }

    /// A session with a member that serves; waits until one does.
    private func session(_ server: RunningServer) async throws -> BlockingClient {
        for _ in 0..<600 {
            let client = server.client()
            if let response = try client.connect(), response.sessionID != 0 { return client }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw CancellationError()
    }

    @Test func whatIsWrittenAtOneIsReadAtAllAndOutlivesTheLeader() async throws {
        let servers = try await startEnsemble()
        var clients: [BlockingClient] = []
        for server in servers { clients.append(try await session(server)) }
        for (index, client) in clients.enumerated() {
            for number in 0..<50 { client.send(BlockingClient.request(create("/n\(index)-\(number)"))) }
            for _ in 0..<50 { #expect(try client.reply(to: .create)?.header.error == .ok) }
        }
        for client in clients {
            _ = try client.ask(.sync(path: "/"))
            #expect(try client.ask(.getAllChildrenNumber(path: "/"))?.body == .number(153))
        }
        let leader = try #require(servers.firstIndex { $0.answer(to: "srvr").contains("Mode: leader") })
        try await servers[leader].stop()
        let rest = servers.indices.filter { $0 != leader }
        let client = try await session(servers[rest[0]])
        #expect(try client.ask(create("/after"))?.header.error == .ok)
        try await servers[leader].start()
        let back = try await session(servers[leader])
        _ = try back.ask(.sync(path: "/"))
        #expect(try back.ask(.exists(path: "/after", watch: false))?.header.error == .ok)
        for server in servers { try await server.stop() }
    }

    @Test func whoLagsFarGetsTheState() async throws {
        let servers = try await startEnsemble {
            $0.changesPerSnapshot = 100
            $0.ensemble?.quorum.recentLogSizeInBytes = 2000
        }
        let first = try await session(servers[0])
        _ = try await session(servers[2])
        #expect(try first.ask(create("/early"))?.header.error == .ok)
        try await servers[2].stop()
        let client = try await session(servers[0])
        for number in 0..<500 { client.send(BlockingClient.request(create("/late\(number)"))) }
        for _ in 0..<500 { #expect(try client.reply(to: .create)?.header.error == .ok) }
        try await servers[2].start()
        let back = try await session(servers[2])
        #expect(try back.ask(.getAllChildrenNumber(path: "/"))?.body == .number(504))
        #expect(servers.contains { $0.lines.all.contains { $0.contains("lags too far for single changes") } })
        for server in servers { try await server.stop() }
        // It goes on with what it was sent.
        for server in servers { try await server.start() }
        let again = try await session(servers[2])
        #expect(try again.ask(.getAllChildrenNumber(path: "/"))?.body == .number(504))
        for server in servers { try await server.stop() }
    }

    @Test func aMemberMovesWithoutARestartAndItsClientsStay() async throws {
        let servers = try await startEnsemble {
            $0.checksACLs = false
            $0.ensemble?.allowsReconfiguration = true
        }
        for server in servers { _ = try await session(server) }
        let client = try await session(servers[1])
        let former = try #require(servers[1].server?.plaintextPort)
        let ports = try await freePorts(3)
        let line = "server.2=127.0.0.1:\(ports[0]):\(ports[1]):participant;127.0.0.1:\(ports[2])"
        let reconfig = ZooKeeperRequest.reconfig(joining: line, leaving: nil, newMembers: nil, version: -1)
        #expect(try client.ask(reconfig)?.header.error == .ok)
        while servers[1].server?.plaintextPort != ports[2] { try await Task.sleep(for: .milliseconds(10)) }
        // Who was connected before is served on, and who comes finds the new port.
        #expect(try client.ask(create("/moved"))?.header.error == .ok)
        let newcomer = BlockingClient(port: ports[2])
        #expect(try newcomer.connect()?.sessionID != 0)
        #expect(BlockingClient.isRefused(port: former))
        #expect(try newcomer.ask(.exists(path: "/moved", watch: false))?.header.error == .ok)
        // The others find it at its new ports after a restart of theirs.
        for index in [0, 2] {
            try await servers[index].stop()
            try await servers[index].start()
        }
        let back = try await session(servers[0])
        #expect(try back.ask(create("/after"))?.header.error == .ok)
        // It starts where it moved to, whatever its settings say.
        try await servers[1].stop()
        try await servers[1].start()
        while servers[1].server?.plaintextPort != ports[2] { try await Task.sleep(for: .milliseconds(10)) }
        for server in servers { try await server.stop() }
    }
}
