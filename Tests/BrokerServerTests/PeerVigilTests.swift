import ClusterModel
import Controller
import NIOCore
import Synchronization
import Testing
import Transport

@testable import BrokerServer

/// Brokers whose process ends while their session with the coordinator lives on.
@Suite struct PeerVigilTests {
    /// What stands for a broker's process: a port that accepts and says nothing.
    private final class Doorstep: ConnectionHandler {
        static func open() async throws -> (Listener, AsyncStream<Void>) {
            let (visits, isReached) = AsyncStream<Void>.makeStream()
            let listener = try await Listener.bind(
                ListenerSettings(name: "DOORSTEP", host: "127.0.0.1", port: 0), on: MemoryCoordinator.group,
                logger: silentLogger
            ) { _ in
                isReached.yield()
                return Doorstep()
            }
            return (listener, visits)
        }

        func received(_ frames: [ByteBuffer], on connection: Connection) {}
        func closed(_ connection: Connection, _ reason: CloseReason) {}
    }

    @Test func aBrokerThatDiedLosesItsRegistrationBeforeItsSession() async throws {
        let coordinator = MemoryCoordinator()
        try await coordinator.start()
        let (doorstep, visits) = try await Doorstep.open()
        let controller = try await TreeBroker(1, coordinator.connect, watchesPeers: true)
        try await controller.register(port: 9001)
        await controller.image { $0.controllerID == BrokerID(1) }
        let other = try await TreeBroker(2, coordinator.connect)
        try await other.register(port: Int32(doorstep.port))
        for await _ in visits { break }
        let epoch = controller.image.brokers[BrokerID(2)]?.epoch
        try await doorstep.close()
        // It lives after all, and says so, perhaps before the controller has read that it was gone.
        await controller.image { image in image.brokers[BrokerID(2)].map { $0.epoch != epoch } ?? false }
        await controller.session.close()
        await other.session.close()
        try await coordinator.stop()
    }

    @Test func aDeadControllerLosesItsOffice() async throws {
        let coordinator = MemoryCoordinator()
        try await coordinator.start()
        let (doorstep, visits) = try await Doorstep.open()
        let first = try await TreeBroker(1, coordinator.connect)
        try await first.register(port: Int32(doorstep.port))
        await first.image { $0.controllerID == BrokerID(1) }
        let second = try await TreeBroker(2, coordinator.connect, watchesPeers: true)
        try await second.register(port: 9002)
        for await _ in visits { break }
        let epoch = second.image.controllerEpoch
        try await doorstep.close()
        await second.image { $0.controllerEpoch > epoch }
        await first.session.close()
        await second.image { $0.controllerID == BrokerID(2) }
        await second.session.close()
        try await coordinator.stop()
    }

    @Test func anAddressThatAlwaysRefusesAccusesNobody() async throws {
        let (doorstep, _) = try await Doorstep.open()
        let port = doorstep.port
        try await doorstep.close()
        let accusations = Mutex(0)
        let vigil = PeerVigil(
            ConnectSettings(host: "127.0.0.1", port: port, timeout: .seconds(1)), on: MemoryCoordinator.group,
            logger: silentLogger
        ) { accusations.withLock { $0 += 1 } }
        // Longer than several refusals in doubt take.
        try await Task.sleep(for: .milliseconds(400))
        vigil.end()
        #expect(accusations.withLock { $0 } == 0)
    }
}
