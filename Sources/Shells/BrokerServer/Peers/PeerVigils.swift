import ClusterModel
import Controller
import Logging
import NIOCore
import Synchronization
import Transport

/// Who watches whom for a sudden end: the controller watches all brokers, and every broker the controller. From any
/// thread.
///
/// Whoever is found dead is accused of it, and loses its registration before its session expires. A broker that lives
/// after all registers again.
final class PeerVigils: Sendable {
    private struct Vigil {
        var endpoint: BrokerEndpoint
        var watch: PeerVigil
    }

    private struct Watched: Hashable {
        var broker: BrokerID
        /// Of its registration.
        var epoch: Int64
    }

    private let broker: BrokerID
    private let network: PeerNetwork
    /// Told that a broker, by the epoch of its registration, is dead; must not block.
    private let accuse: @Sendable (BrokerID, Int64) -> Void
    private let vigils = Mutex<[Watched: Vigil]?>([:])

    init(of broker: BrokerID, _ network: PeerNetwork, accuse: @escaping @Sendable (BrokerID, Int64) -> Void) {
        self.broker = broker
        self.network = network
        self.accuse = accuse
    }

    func follow(_ image: ClusterImage) {
        let isController = image.controllerID == broker
        let watched = image.brokers.filter { id, _ in
            id != broker && (isController || id == image.controllerID)
        }
        let outdated: [PeerVigil] = vigils.withLock { vigils in
            guard let current = vigils else { return [] }
            var next: [Watched: Vigil] = [:]
            for (id, registration) in watched {
                guard let endpoint = registration.endpoint(ofListener: network.listenerName) else { continue }
                let key = Watched(broker: id, epoch: registration.epoch)
                if let kept = current[key], kept.endpoint == endpoint {
                    next[key] = kept
                } else {
                    next[key] = Vigil(endpoint: endpoint, watch: watch(key, at: endpoint))
                }
            }
            defer { vigils = next }
            return current.filter { next[$0.key]?.watch !== $0.value.watch }.map(\.value.watch)
        }
        for vigil in outdated { vigil.end() }
    }

    func close() {
        let all = vigils.withLock { vigils in
            defer { vigils = nil }
            return vigils.map { $0.values.map(\.watch) } ?? []
        }
        for vigil in all { vigil.end() }
    }

    private func watch(_ watched: Watched, at endpoint: BrokerEndpoint) -> PeerVigil {
        PeerVigil(network.connectSettings(endpoint), on: network.group, logger: network.logger) { [accuse] in
            accuse(watched.broker, watched.epoch)
        }
    }
}
