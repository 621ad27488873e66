import ClusterModel
import Controller
import CoordinatorServer
import Foundation
import NIOCore
import Security
import Synchronization
import Testing
import Transport
import WireCoding
import ZooKeeperProtocol

@testable import BrokerServer

/// A broker's half in the tree on a real coordinator, in this process.
@Suite(.timeLimit(.minutes(1))) struct TreeOnCoordinatorTests {
    /// A coordinator's directory, and the coordinator that runs on it now.
    private final class Running {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tree-\(UUID().uuidString)")
        private(set) var port = 0
        private var server: CoordinatorServer?

        var connect: String { "127.0.0.1:\(port)" }

        func start() async throws {
            var settings = CoordinatorSettings(
                plaintext: .init(host: "127.0.0.1", port: port), dataDirectory: folder.path)
            settings.tickTime = .milliseconds(100)
            settings.sessionTimeouts = .milliseconds(200) ... .milliseconds(20_000)
            let server = try await CoordinatorServer.start(
                settings, on: MemoryCoordinator.group, logger: silentLogger
            ) { Issue.record("the coordinator failed: \($0)") }
            port = try #require(server.plaintextPort)
            self.server = server
        }

        func stop() async throws {
            try await server?.stop()
            server = nil
        }
    }

    private func withCoordinator(_ body: (Running) async throws -> Void) async throws {
        let running = Running()
        defer {
            do { try FileManager.default.removeItem(at: running.folder) } catch {
                Issue.record("cannot remove \(running.folder.path): \(error)")
            }
        }
        try await running.start()
        try await body(running)
        try await running.stop()
    }

    private func createTopic(_ name: String, on broker: BrokerID) -> TreeChange {
        .createTopic(name: name, id: KafkaUUID(high: 1, low: 2), assignment: [[broker], [broker]], configs: [:])
    }

    @Test func aClusterLivesInIt() async throws {
        try await withCoordinator { coordinator in
            let one = BrokerID(1)
            let first = try await TreeBroker.registered(1, "\(coordinator.connect)/cluster/a")
            await first.image { $0.controllerID == one && $0.controllerEpoch == 1 }
            #expect(await first.change(createTopic("orders", on: one)) == .done)
            await first.image { $0.topics["orders"]?.partitions.allSatisfy { $0.leader == one } == true }
            #expect(await first.change(.setTopicConfigs(name: "orders", configs: ["retention.ms": "5"])) == .done)
            #expect(await first.change(.createPartitions(name: "orders", existing: 2, assignment: [[one]])) == .done)
            let grown = await first.image { $0.topics["orders"]?.partitions.map(\.leader) == [one, one, one] }
            #expect(grown.topics["orders"]?.configs == ["retention.ms": "5"])
            #expect(await first.allocateProducerIDs()?.count == 1000)
            await first.session.close()

            let second = try await TreeBroker.registered(2, "\(coordinator.connect)/cluster/a")
            #expect(second.session.clusterID == first.session.clusterID)
            // The only replica is down.
            let image = await second.image {
                $0.controllerEpoch == 2 && $0.topics["orders"]?.partitions.allSatisfy { $0.leader == nil } == true
            }
            #expect(image.controllerID == BrokerID(2))
            #expect(image.topics["orders"]?.partitions.map(\.isr) == [[one], [one], [one]])
            #expect(await second.change(.deleteTopic(name: "orders")) == .done)
            await second.image { $0.topics.isEmpty && $0.topicsBeingDeleted.isEmpty }
            await second.session.close()
        }
    }

    @Test func rulesOfAccessReachEveryBrokerThatControlsAccess() async throws {
        try await withCoordinator { coordinator in
            let first = try await TreeBroker.registered(1, coordinator.connect, controlsAccess: true)
            let second = try await TreeBroker.registered(2, coordinator.connect, controlsAccess: true)
            let carefree = try await TreeBroker.registered(3, coordinator.connect)
            let alice = AccessEntry(.allow, .read, to: KafkaPrincipal(name: "alice"))
            let bob = AccessEntry(.deny, .all, to: KafkaPrincipal(name: "bob"), from: "10.0.0.1")
            for pattern in [ResourcePattern(.topic, "orders"), ResourcePattern(.group, "or", .prefixed)] {
                let add = TreeChange.alterAccess(pattern, adding: [alice, bob], removing: [])
                #expect(await first.change(add) == .done)
                for broker in [first, second] {
                    await broker.image { $0.access.entries(of: pattern) == [alice, bob] }
                }
                #expect(await second.change(add) == .unchanged)
                // Each in its turn, whoever asks.
                async let one = first.change(.alterAccess(pattern, adding: [], removing: [alice]))
                async let other = second.change(.alterAccess(pattern, adding: [], removing: [bob]))
                let outcomes = await [one, other]
                #expect(outcomes == [.done, .done])
                for broker in [first, second] { await broker.image { !$0.access.knows(pattern) } }
            }
            #expect(carefree.image.access.isEmpty)
            for broker in [first, second, carefree] { await broker.session.close() }
        }
    }

    @Test func theBrokerOutlivesARestartOfTheCoordinator() async throws {
        try await withCoordinator { coordinator in
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            let before = await broker.image { $0.controllerEpoch == 1 }
            try await coordinator.stop()
            try await coordinator.start()
            var outcome = TreeOutcome.unavailable
            while outcome == .unavailable {
                outcome = await broker.change(createTopic("orders", on: BrokerID(1)))
                if outcome == .unavailable { try await Task.sleep(for: .milliseconds(20)) }
            }
            let after = await broker.image { $0.topics["orders"]?.partitions.first?.leader == BrokerID(1) }
            #expect(after.brokers == before.brokers)
            #expect(after.controllerEpoch == 1)
            await broker.session.close()
        }
    }

    @Test func theRegistrationOfAKilledProcessExpires() async throws {
        try await withCoordinator { coordinator in
            let first = try await TreeBroker.registered(1, coordinator.connect)
            await first.session.close()
            let endpoint = BrokerEndpoint(
                listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "127.0.0.1", port: 9001)
            let text = BrokerRegistration(endpoints: [endpoint]).text(at: 0)
            let killed = try await SilentSession.register(text, at: coordinator.port)
            let broker = try await TreeBroker.registered(1, coordinator.connect)
            #expect(broker.image.brokers[BrokerID(1)]?.endpoints.first?.port == 9001)
            #expect(broker.image.brokers[BrokerID(1)]?.epoch ?? 0 > killed)
            await broker.session.close()
        }
    }
}

/// A session that registers broker 1 and says nothing more, as of a process that hangs.
private final class SilentSession: ConnectionHandler {
    private static let timeout: Int32 = 300
    private let created: EventLoopPromise<Int64>
    private var isGreeted = false

    private init(_ created: EventLoopPromise<Int64>) { self.created = created }

    /// Returns the zxid of the registration.
    static func register(_ text: [UInt8], at port: Int) async throws -> Int64 {
        let created = MemoryCoordinator.group.next().makePromise(of: Int64.self)
        let connection = try await Connector.connect(
            ConnectSettings(host: "127.0.0.1", port: port), on: MemoryCoordinator.group, logger: silentLogger
        ) { _ in SilentSession(created) }
        var greeting = WireWriter()
        greeting.int32(0)
        var connect = ConnectRequest(timeout: timeout)
        connect.password = ByteBuffer(repeating: 0, count: 16)
        connect.write(to: &greeting)
        connection.send(greeting.framedPieces())
        let create = ZooKeeperRequest.change(
            .create2(
                CreateOperation(
                    path: "/brokers/ids/1", data: ByteBuffer(bytes: text), acl: ACL.open, mode: .ephemeral)))
        var request = WireWriter()
        request.int32(0)
        ZooKeeperRequestHeader(xid: 1, type: create.opCode.rawValue).write(to: &request)
        create.write(to: &request)
        connection.send(request.framedPieces())
        return try await created.futureResult.get()
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        for frame in frames {
            guard isGreeted else {
                isGreeted = true
                continue
            }
            do throws(MalformedInput) {
                let header = try WireReader.read(frame) { reader throws(MalformedInput) in
                    try ZooKeeperReplyHeader(reading: &reader)
                }
                if header.error == .ok { created.succeed(header.zxid) } else { created.fail(header.error) }
            } catch {
                created.fail(error)
            }
        }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) { created.fail(CoordinatorGone()) }
}

private struct CoordinatorGone: Error {}
