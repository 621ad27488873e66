import ClusterModel
import KafkaProtocol
import NIOCore
import WireCoding

/// One of the two regions: a cluster, and how processes reach it.
final class Region {
    let name: String
    let world: ClusterWorld
    private var receivers: [UInt64: (ByteBuffer?) -> Void] = [:]
    // Brokers' own tickets are small.
    private var lastTicket: UInt64 = 1 << 40

    init(_ world: ClusterWorld, named name: String) {
        self.name = name
        self.world = world
        world.receive = { [unowned self] _, ticket, reply in receivers.removeValue(forKey: ticket)?(reply) }
    }

    var clusterID: String { world.settings.clusterID }

    /// Sends a request; `receive` gets the answer, nil when there will be none.
    func send<Request: KafkaRequest>(
        _ request: Request, version: Int16, from client: Int, to broker: BrokerID,
        _ receive: @escaping (ByteBuffer?) -> Void
    ) {
        lastTicket += 1
        receivers[lastTicket] = receive
        world.send(request, version: version, ticket: lastTicket, from: client, to: broker)
    }

    /// Who leads a partition, as its clients believe: as the tree has it, or now and then any broker.
    func leader(of partition: TopicPartition, for process: SimulatedProcess) throws -> BrokerID {
        if Int.random(in: 0..<150, using: &process.random) == 0 { return anyBroker(for: process) }
        guard let leader = world.tree.image.partition(partition)?.leader else { throw SimulatedProcess.Fault.nobody }
        return leader
    }

    func anyBroker(for process: SimulatedProcess) -> BrokerID {
        world.brokers[Int.random(in: 0..<world.brokers.count, using: &process.random)].id
    }

    func controller() throws -> BrokerID {
        guard let controller = world.tree.image.controllerID else { throw SimulatedProcess.Fault.nobody }
        return controller
    }

    /// The process has ended, and its connections with it.
    func disconnect(_ client: Int) {
        for (id, connection) in world.network.connections.sorted(by: { $0.key < $1.key })
        where connection.from == .client(client) { world.close(id) }
    }

    // MARK: - Links

    /// Loses what a process sends here.
    func cutRequests(of client: Int) {
        for broker in world.brokers { world.cut(.client(client), .broker(broker.id)) }
    }

    /// Loses what is answered to a process.
    func cutReplies(to client: Int) {
        for broker in world.brokers { world.cut(.broker(broker.id), .client(client)) }
    }

    func mend(_ client: Int) {
        for broker in world.brokers {
            world.mend(.client(client), .broker(broker.id))
            world.mend(.broker(broker.id), .client(client))
        }
    }
}
