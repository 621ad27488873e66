import Controller
import Logging
import NIOCore
import Transport

/// How a broker reaches the others of its cluster.
struct PeerNetwork: Sendable {
    /// `inter.broker.listener.name`
    var listenerName: String
    /// nil speaks plaintext.
    var tls: TLSContexts?
    /// `replica.socket.timeout.ms`: an answer that takes longer does not come.
    var patience: Duration
    var group: any EventLoopGroup
    var logger: Logger

    /// How long dialling may take: brokers of a cluster are near each other.
    private static let dialPatience = Duration.seconds(5)

    func connectSettings(_ endpoint: BrokerEndpoint) -> ConnectSettings {
        ConnectSettings(host: endpoint.host, port: Int(endpoint.port), tls: tls, timeout: Self.dialPatience)
    }
}
