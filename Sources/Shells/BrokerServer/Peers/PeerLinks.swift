import BrokerKernel
import ClusterModel
import Controller
import Synchronization

/// A broker's connections to the others of its cluster: one each, dialled when there is something to send, at the
/// inter-broker listener that the image names. From any thread.
final class PeerLinks: Sendable {
    private struct Peer {
        var endpoint: BrokerEndpoint
        /// Of its registration: a broker that registered again is another process.
        var epoch: Int64
        var link: PeerLink?
    }

    private struct State {
        var peers: [BrokerID: Peer] = [:]
        var isClosed = false
    }

    private let network: PeerNetwork
    /// Told what became of requests; must not block.
    private let tell: @Sendable ([BrokerKernel.Event]) -> Void
    private let state = Mutex(State())

    init(_ network: PeerNetwork, tell: @escaping @Sendable ([BrokerKernel.Event]) -> Void) {
        self.network = network
        self.tell = tell
    }

    /// Takes over where brokers are; links to those that went, moved or came again end.
    func follow(_ image: ClusterImage) {
        let outdated: [PeerLink] = state.withLock { state in
            var outdated: [PeerLink] = []
            for (id, peer) in state.peers {
                let now = image.brokers[id]
                if now?.epoch == peer.epoch && now?.endpoint(ofListener: network.listenerName) == peer.endpoint {
                    continue
                }
                if let link = peer.link { outdated.append(link) }
                state.peers[id] = nil
            }
            for (id, broker) in image.brokers where state.peers[id] == nil {
                guard let endpoint = broker.endpoint(ofListener: network.listenerName) else { continue }
                state.peers[id] = Peer(endpoint: endpoint, epoch: broker.epoch)
            }
            return outdated
        }
        for link in outdated { link.end("the broker is registered there no more") }
    }

    /// Sends a request, or tells that it failed.
    func send(_ request: PeerRequest) {
        let link: PeerLink? = state.withLock { state in
            guard !state.isClosed, let peer = state.peers[request.broker] else { return nil }
            if let link = peer.link { return link }
            let link = dial(peer.endpoint)
            state.peers[request.broker]?.link = link
            return link
        }
        if let link, link.send(request) { return }
        state.withLock { state in
            if state.peers[request.broker]?.link === link { state.peers[request.broker]?.link = nil }
        }
        tell([.peerFailed(request.ticket)])
    }

    /// Gives up the connection to a broker, so that what is under way there fails.
    func disconnect(_ broker: BrokerID) {
        let link = state.withLock { state in
            defer { state.peers[broker]?.link = nil }
            return state.peers[broker]?.link
        }
        link?.end("the broker is asked for nothing any more")
    }

    /// Ends all links; what is sent later fails.
    func close() {
        let links = state.withLock { state in
            defer { state = State(isClosed: true) }
            return state.peers.values.compactMap(\.link)
        }
        for link in links { link.end("the broker stops") }
    }

    private func dial(_ endpoint: BrokerEndpoint) -> PeerLink {
        PeerLink(
            network.connectSettings(endpoint), patience: network.patience, on: network.group, logger: network.logger,
            tell: tell)
    }
}
