import BrokerKernel
import ClusterModel
import KafkaProtocol
import NIOCore
import Seams
import Security
import WireCoding

/// Connections to brokers, and which ways are cut.
///
/// What is sent over a connection while its way is cut waits there, as with TCP: it comes when the way is mended, also
/// when its sender has given the connection up by then and has a newer one.
struct ClusterNetwork {
    struct Link: Hashable {
        var from: ClusterBroker.Endpoint
        var to: ClusterBroker.Endpoint
    }

    struct Connection {
        var from: ClusterBroker.Endpoint
        var to: BrokerID
        /// Requests without an outcome, by the sender's tickets, in order.
        var open: [UInt64] = []
        var nextArrival: Instant
        var nextReply: Instant
    }

    /// What is on its way over a connection, where the way is cut.
    struct Held {
        var connection: ConnectionID
        var arrive: () -> Void
    }

    /// The ways that are cut, with what waits on them, in order.
    var cuts: [Link: [Held]] = [:]
    var connections: [ConnectionID: Connection] = [:]
    var ofClients: [Int: [BrokerID: ConnectionID]] = [:]
    var lastConnection: UInt64 = 0
}

extension ClusterWorld {
    private static let requestTimeout = Duration.seconds(2)

    func cut(_ from: ClusterBroker.Endpoint, _ to: ClusterBroker.Endpoint) {
        network.cuts[ClusterNetwork.Link(from: from, to: to), default: []] += []
    }

    /// Lets messages through again; what waits is sent anew after a while, by default of some seconds.
    func mend(_ from: ClusterBroker.Endpoint, _ to: ClusterBroker.Endpoint, sendingAnewIn pause: Duration? = nil) {
        guard let waiting = network.cuts.removeValue(forKey: ClusterNetwork.Link(from: from, to: to)) else { return }
        let time = now + (pause ?? milliseconds(0...3000))
        for held in waiting {
            network.connections[held.connection]?.nextArrival = time
            at(time, held.arrive)
        }
    }

    /// Forgets what waits on ways that are cut, and with it who would have received it.
    func endNetwork() { network = ClusterNetwork() }

    private func isCut(_ from: ClusterBroker.Endpoint, _ to: ClusterBroker.Endpoint) -> Bool {
        network.cuts[ClusterNetwork.Link(from: from, to: to)] != nil
    }

    /// Sends a client's request; its outcome comes to ``receive`` with `ticket`.
    func send<Request: KafkaRequest>(
        _ request: Request, version: Int16, ticket: UInt64, from client: Int, to broker: BrokerID
    ) {
        var writer = WireWriter()
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.clientId = "client-\(client)"
        header.write(to: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        request.write(to: &writer, version: version)
        let id = network.ofClients[client]?[broker].flatMap { network.connections[$0] == nil ? nil : $0 }
        let connection = id ?? open(from: .client(client), to: broker)
        network.ofClients[client, default: [:]][broker] = connection
        send(writer.buffer(), ticket: ticket, over: connection)
    }

    /// Sends a broker's request to another one.
    func send(_ request: PeerRequest, by broker: ClusterBroker) {
        let id = broker.outgoing[request.broker] ?? open(from: .broker(broker.id), to: request.broker)
        broker.outgoing[request.broker] = id
        send(request.frame, ticket: request.ticket.value, over: id)
    }

    private func open(from: ClusterBroker.Endpoint, to: BrokerID) -> ConnectionID {
        network.lastConnection += 1
        let id = ConnectionID(network.lastConnection)
        network.connections[id] = ClusterNetwork.Connection(from: from, to: to, nextArrival: now, nextReply: now)
        return id
    }

    private func send(_ frame: ByteBuffer, ticket: UInt64, over id: ConnectionID) {
        guard var connection = network.connections[id] else { preconditionFailure("\(id) is closed") }
        connection.open.append(ticket)
        let arrival = max(now + delay(), connection.nextArrival)
        connection.nextArrival = arrival
        network.connections[id] = connection
        let target = self[connection.to]
        after(Self.requestTimeout) { [self] in
            if network.connections[id]?.open.contains(ticket) ?? false { close(id) }
        }
        let life = target.life
        bring(from: connection.from, over: id, to: target, at: arrival) { [self] in
            guard target.isRunning, target.life == life else { return close(id) }
            arrive(frame, ticket, from: connection.from, over: id, at: target)
        }
    }

    /// Brings something to the receiver of a connection: at a time, or when the way is mended. To a receiver that has
    /// heard nothing of the connection a cut way brings nothing, and a connection that its sender has closed neither.
    private func bring(
        from sender: ClusterBroker.Endpoint, over id: ConnectionID, to receiver: ClusterBroker, at time: Instant,
        _ arrive: @escaping () -> Void
    ) {
        let way = ClusterNetwork.Link(from: sender, to: .broker(receiver.id))
        let isKnown = receiver.incoming[id] != nil
        guard network.cuts[way] == nil else {
            if isKnown { network.cuts[way]?.append(ClusterNetwork.Held(connection: id, arrive: arrive)) }
            return
        }
        at(time) { [self] in if network.connections[id] != nil || receiver.incoming[id] != nil { arrive() } }
    }

    private func arrive(
        _ frame: ByteBuffer, _ ticket: UInt64, from sender: ClusterBroker.Endpoint, over id: ConnectionID,
        at broker: ClusterBroker
    ) {
        var incoming = broker.incoming[id] ?? ClusterBroker.Incoming(sender: sender)
        incoming.lastPlace += 1
        incoming.open[incoming.lastPlace] = ticket
        broker.incoming[id] = incoming
        let origin = RequestOrigin(listener: "PLAINTEXT", principal: .anonymous, clientAddress: "10.0.0.1")
        do {
            let request = try Request(
                frame: frame, ticket: ReplyTicket(connection: id, place: incoming.lastPlace), origin: origin)
            step(broker, .requestsReceived([request]))
        } catch {
            violate("a request cannot be read: \(error)")
        }
    }

    /// Fails what is open on a connection; its receiver learns of it a little later.
    func close(_ id: ConnectionID) {
        guard let connection = network.connections.removeValue(forKey: id) else { return }
        let receiver = self[connection.to]
        let life = receiver.life
        bring(from: connection.from, over: id, to: receiver, at: max(now + delay(), connection.nextArrival)) { [self] in
            guard receiver.life == life, receiver.incoming.removeValue(forKey: id) != nil else { return }
            step(receiver, .connectionClosed(id))
        }
        switch connection.from {
        case .client(let client): for ticket in connection.open { receive(client, ticket, nil) }
        case .broker(let sender):
            if self[sender].outgoing[connection.to] == id { self[sender].outgoing[connection.to] = nil }
            for ticket in connection.open { step(self[sender], .peerFailed(PeerTicket(ticket))) }
        }
    }

    /// Closes all connections from and to a broker that is gone.
    func closeAll(of broker: ClusterBroker) {
        for (id, connection) in network.connections.sorted(by: { $0.key < $1.key })
        where connection.to == broker.id || connection.from == .broker(broker.id) { close(id) }
    }

    /// Sends a reply. What lies in files is read when it is sent, a while after the kernel gave it out: by then the file
    /// may have been cut, or have other bytes there.
    func answer(_ ticket: ReplyTicket, _ pieces: [RecordBytes], by broker: ClusterBroker) {
        guard let open = broker.incoming[ticket.connection]?.open.removeValue(forKey: ticket.place),
            var connection = network.connections[ticket.connection]
        else { return }
        guard !isCut(.broker(broker.id), connection.from) else { return }
        let departure = max(now + delay(), connection.nextReply)
        let arrival = departure + delay()
        connection.nextReply = arrival
        network.connections[ticket.connection] = connection
        let life = broker.life
        at(departure) { [self] in
            guard broker.life == life, network.connections[ticket.connection] != nil else { return }
            let bytes = pieces.reduce(into: ByteBuffer()) { $0.append($1) }
            guard bytes.readableBytes == pieces.reduce(0, { $0 + $1.count }) else { return close(ticket.connection) }
            at(arrival) { [self] in deliver(bytes, to: open, over: ticket.connection) }
        }
    }

    private func deliver(_ reply: ByteBuffer, to ticket: UInt64, over id: ConnectionID) {
        guard let connection = network.connections[id], let place = connection.open.firstIndex(of: ticket) else {
            return
        }
        network.connections[id]?.open.remove(at: place)
        switch connection.from {
        case .client(let client): receive(client, ticket, reply)
        case .broker(let sender):
            var body = reply
            body.moveReaderIndex(forwardBy: 4)
            step(self[sender], .peerReplied(PeerTicket(ticket), body))
        }
    }
}
