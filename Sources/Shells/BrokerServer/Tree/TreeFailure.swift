import ClusterModel
import Controller
import CoordinatorClient

/// Why a broker cannot take its place in the coordination tree. Each reads as one sentence for the operator.
enum TreeFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case unreachable(CoordinatorError)
    /// What the tree holds is not what a broker would have written.
    case malformed(MalformedNode)
    /// Brokers of Apache Kafka live in the tree.
    case sharedWithApache([BrokerID])
    /// The registration of another process did not go away.
    case alreadyRegistered(BrokerID, at: String)
    /// Another process has registered in this one's place.
    case replaced(BrokerID, by: String)
    /// The tree is another one than when the broker started.
    case otherCluster(expected: String, found: String)

    /// What an operation on the tree has thrown.
    init(_ error: any Error) {
        switch error {
        case let error as TreeFailure: self = error
        case let error as MalformedNode: self = .malformed(error)
        case let error as CoordinatorError: self = .unreachable(error)
        default: self = .unreachable(.connectionLost("\(error)"))
        }
    }

    var description: String {
        switch self {
        case .unreachable(let error): "the coordination tree cannot be used: \(error)"
        case .malformed(let node): "the coordination tree cannot be used: \(node)"
        case .sharedWithApache(let brokers):
            """
            brokers \(brokers.map(\.description).joined(separator: ", ")) of Apache Kafka are registered in this \
            coordination tree, and Martlet cannot share a live cluster with them: to take over, stop all of them, \
            start Martlet brokers with the same broker.id on their log directories, or give Martlet a tree of its own \
            by another chroot in zookeeper.connect
            """
        case .alreadyRegistered(let broker, let place):
            """
            broker \(broker) is registered already, by another process that serves \(place): stop that one, or give \
            this one another broker.id
            """
        case .replaced(let broker, let place):
            "another process, that serves \(place), has registered as broker \(broker) in this one's place"
        case .otherCluster(let expected, let found):
            "the coordination tree belongs to cluster \(found) now, and this broker to \(expected)"
        }
    }
}

extension BrokerRegistration {
    /// Where it serves, for a sentence.
    var place: String { endpoints.first.map { "\($0.host):\($0.port)" } ?? "no port" }
}
