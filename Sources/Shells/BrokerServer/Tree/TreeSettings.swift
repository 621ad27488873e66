import ClusterModel
import Controller
import CoordinatorClient

/// What a broker's half in the coordination tree needs to know.
struct TreeSettings: Sendable {
    var coordinator: CoordinatorSettings
    var broker: BrokerID
    var leadership = LeadershipSettings()
    /// How to watch other brokers for a sudden end; nil leaves that to their sessions.
    var peers: PeerNetwork?

    /// Of the nodes that this broker makes.
    var rights = TreeRights.open
    /// Whether there are rules of access, which the broker obeys.
    var controlsAccess = false

    init(coordinator: CoordinatorSettings, broker: BrokerID) {
        self.coordinator = coordinator
        self.broker = broker
    }

    /// Whether topics that do not say may be led by a replica that was not in sync, as the broker's settings are now.
    func allowsUncleanElection(_ image: ClusterImage) -> Bool {
        let key = "unclean.leader.election.enable"
        let dynamic = image.brokerConfigs[broker]?[key] ?? image.defaultBrokerConfigs[key]
        return dynamic.map { $0 == "true" } ?? leadership.mayBeUnclean
    }
}
