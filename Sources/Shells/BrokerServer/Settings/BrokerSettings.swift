import BrokerKernel
import ClusterModel
import Controller
import CoordinatorClient
import Security
import Transport

/// All a broker is told before it starts.
package struct BrokerSettings: Sendable {
    /// nil takes the id from the data directory, or 0 for a new one.
    package var brokerID: BrokerID?
    package var rack: String?
    /// `log.dirs`: one at least.
    package var dataDirectories: [String]
    package var listeners: [ListenerSettings]
    /// What clients of each listener are told; a port of 0 stands for the one that is listened on.
    package var advertised: [BrokerEndpoint]
    /// The name of the listener by which this broker reaches the others, and they it.
    package var interBrokerListener: String
    /// `replica.socket.timeout.ms`
    package var peerPatience = Duration.milliseconds(30_000)
    /// `zookeeper.connect`
    package var coordinatorAddress: String
    package var coordinatorSessionTimeout = Duration.milliseconds(18_000)
    package var coordinatorConnectionTimeout = Duration.milliseconds(18_000)
    /// nil speaks plaintext to coordinators.
    package var coordinatorTLS: TLSSettings?
    package var leadership = LeadershipSettings()
    /// nil authenticates to coordinators by TLS alone, or not at all.
    package var coordinatorLogin: CoordinatorLogin?
    /// Whether nodes in the tree are kept from others (`zookeeper.set.acl`).
    package var securesTree = false
    /// Broker and cluster are filled in at the start.
    package var kernel: BrokerKernelSettings
}
