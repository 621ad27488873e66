import ClusterModel
import CoordinatorClient

/// What a broker's half in the coordination tree needs to know.
struct TreeSettings: Sendable {
    var coordinator: CoordinatorSettings
    var broker: BrokerID
    /// `unclean.leader.election.enable`, for topics that do not say.
    var uncleanElectionByDefault = false
    /// How to watch other brokers for a sudden end; nil leaves that to their sessions.
    var peers: PeerNetwork?

    init(coordinator: CoordinatorSettings, broker: BrokerID) {
        self.coordinator = coordinator
        self.broker = broker
    }
}
