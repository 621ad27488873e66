import ClusterModel
import Controller
import CoordinatorClient
import Synchronization
import Testing

@testable import BrokerServer

/// A broker's half in the tree, with what it is told kept for a test to await.
final class TreeBroker: Sendable {
    private struct Told {
        var image = ClusterImage()
        var lostBecause: String?
        var waiting: [(condition: @Sendable (ClusterImage) -> Bool, CheckedContinuation<ClusterImage, Never>)] = []
        var waitingForLoss: [CheckedContinuation<String, Never>] = []
    }

    let session: TreeSession
    private let told: Box

    private final class Box: Sendable {
        let told = Mutex(Told())

        func take(_ image: ClusterImage) {
            let done = told.withLock { told in
                told.image = image
                defer { told.waiting.removeAll { $0.condition(image) } }
                return told.waiting.filter { $0.condition(image) }
            }
            for one in done { one.1.resume(returning: image) }
        }

        func lose(_ reason: String) {
            let waiting = told.withLock { told in
                told.lostBecause = reason
                return told.waitingForLoss
            }
            for one in waiting { one.resume(returning: reason) }
        }
    }

    /// Connects broker `id` to the coordinator at `connect`.
    init(
        _ id: Int32, _ connect: String, sessionTimeout: Duration = .seconds(9), watchesPeers: Bool = false,
        controlsAccess: Bool = false
    ) async throws {
        var coordinator = try CoordinatorSettings(connect: connect)
        coordinator.sessionTimeout = sessionTimeout
        // Simulations beside these tests keep all threads busy for long.
        coordinator.connectionTimeout = .seconds(120)
        var settings = TreeSettings(coordinator: coordinator, broker: BrokerID(id))
        settings.controlsAccess = controlsAccess
        if watchesPeers {
            settings.peers = PeerNetwork(
                listenerName: "PLAINTEXT", patience: .seconds(30), group: MemoryCoordinator.group, logger: silentLogger)
        }
        let box = Box()
        told = box
        session = try await TreeSession.connect(
            settings, on: MemoryCoordinator.group, logger: silentLogger, onImage: { box.take($0) },
            onLost: { box.lose($0) })
    }

    /// Connects and registers.
    static func registered(
        _ id: Int32, _ connect: String, controlsAccess: Bool = false
    ) async throws -> TreeBroker {
        let broker = try await TreeBroker(id, connect, controlsAccess: controlsAccess)
        try await broker.register(port: 9000 + id)
        return broker
    }

    func register(
        port: Int32, logDirectoryID: KafkaUUID? = nil,
        isWhole: @escaping @Sendable (TopicPartition) -> Bool = { _ in true }
    ) async throws {
        let endpoint = BrokerEndpoint(
            listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "127.0.0.1", port: port)
        try await session.register(
            BrokerRegistration(endpoints: [endpoint], logDirectoryID: logDirectoryID), isWhole: isWhole)
    }

    /// The newest image it was told.
    var image: ClusterImage { told.told.withLock { $0.image } }

    /// The first image from now on, the newest included, that meets `condition`.
    @discardableResult
    func image(where condition: @escaping @Sendable (ClusterImage) -> Bool) async -> ClusterImage {
        await withCheckedContinuation { continuation in
            let image = told.told.withLock { told -> ClusterImage? in
                if condition(told.image) { return told.image }
                told.waiting.append((condition, continuation))
                return nil
            }
            if let image { continuation.resume(returning: image) }
        }
    }

    /// Waits until it is told that it has lost its place.
    func loss() async -> String {
        await withCheckedContinuation { continuation in
            let reason = told.told.withLock { told -> String? in
                if told.lostBecause == nil { told.waitingForLoss.append(continuation) }
                return told.lostBecause
            }
            if let reason { continuation.resume(returning: reason) }
        }
    }

    func change(_ change: TreeChange) async -> TreeOutcome {
        await withCheckedContinuation { continuation in session.change(change) { continuation.resume(returning: $0) } }
    }

    func allocateProducerIDs() async -> Range<ProducerID>? {
        await withCheckedContinuation { continuation in
            session.allocateProducerIDs { continuation.resume(returning: $0) }
        }
    }
}
