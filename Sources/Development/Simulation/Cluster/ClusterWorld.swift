import BrokerKernel
import ClusterModel
import Controller
import NIOCore
import Seams
import Security
import WireCoding

/// Brokers with their disks, the tree that they share, and a network between them and their clients, on one clock.
///
/// Everything happens at a time of the clock and takes random time; the same seed does the same in every process.
/// Messages of a connection arrive in order or not at all.
final class ClusterWorld {
    private struct Link: Hashable {
        var from: ClusterBroker.Endpoint
        var to: ClusterBroker.Endpoint
    }

    private struct Connection {
        var from: ClusterBroker.Endpoint
        var to: BrokerID
        /// Requests without an outcome, by the sender's tickets, in order.
        var open: [UInt64] = []
        var nextArrival: Instant
        var nextReply: Instant
    }

    /// How long a broker may be out of the tree's reach before its session ends.
    static let sessionTimeout = Duration.seconds(6)
    private static let requestTimeout = Duration.seconds(2)

    private(set) var now = Instant(nanoseconds: 1_000_000_000, unixMilliseconds: 1_700_000_000_000)
    var random: SeededRandom
    private(set) var tree: SimulatedTree
    let brokers: [ClusterBroker]
    /// What a client does with its replies; nil stands for a request that failed.
    var receive: (Int, UInt64, ByteBuffer?) -> Void = { _, _, _ in }
    /// What brokers did that they must not.
    private(set) var violations: [String] = []
    private(set) var trace: [String] = []
    private let traces: Bool
    private let settings: BrokerKernelSettings
    private var queue = Timeline()
    private var cuts: Set<Link> = []
    private var connections: [ConnectionID: Connection] = [:]
    private var clientConnections: [Int: [BrokerID: ConnectionID]] = [:]
    private var lastConnection: UInt64 = 0
    private var controllers: [BrokerID: ClusterController] = [:]
    private var nextProducerID: ProducerID = 0
    /// Who was seen to lead in an epoch.
    private var leaders: [String: BrokerID] = [:]

    init(
        seed: UInt64, brokerCount: Int, traces: Bool, adjust: (inout BrokerKernelSettings) -> Void
    ) throws(FileSystemError) {
        random = SeededRandom(seed: seed)
        self.traces = traces
        var settings = BrokerKernelSettings(brokerID: BrokerID(0), clusterID: SimulatedBroker.clusterID)
        adjust(&settings)
        self.settings = settings
        tree = SimulatedTree(clusterID: SimulatedBroker.clusterID)
        var brokers: [ClusterBroker] = []
        for id in 1...brokerCount {
            brokers.append(try ClusterBroker(BrokerID(Int32(id)), seed: seed &* 31 &+ UInt64(id)))
        }
        self.brokers = brokers
    }

    subscript(_ id: BrokerID) -> ClusterBroker { brokers[Int(id.value) - 1] }

    func note(_ text: @autoclosure () -> String) {
        guard traces else { return }
        trace.append("\(Double(now.nanoseconds / 1_000_000) / 1000): \(text())")
    }

    func violate(_ text: String) {
        note("VIOLATION \(text)")
        if violations.count < 20 { violations.append(text) }
    }

    // MARK: - Time

    func after(_ delay: Duration, _ action: @escaping () -> Void) { queue.add(action, at: now + delay) }

    func milliseconds(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &random)) }

    func run(for duration: Duration) {
        let end = now + duration
        while let (time, action) = queue.take(upTo: end) {
            now = time
            action()
        }
        now = end
    }

    // MARK: - The network

    /// Most messages are quick, some are not.
    private func delay() -> Duration {
        Int.random(in: 0..<20, using: &random) == 0
            ? milliseconds(5...80) : .microseconds(Int.random(in: 100...3000, using: &random))
    }

    func cut(_ from: ClusterBroker.Endpoint, _ to: ClusterBroker.Endpoint) { cuts.insert(Link(from: from, to: to)) }
    func mend(_ from: ClusterBroker.Endpoint, _ to: ClusterBroker.Endpoint) { cuts.remove(Link(from: from, to: to)) }
    func mendAll() { cuts = [] }
    private func isCut(_ from: ClusterBroker.Endpoint, _ to: ClusterBroker.Endpoint) -> Bool {
        cuts.contains(Link(from: from, to: to))
    }

    /// Sends a client's request; its outcome comes to ``receive`` with `ticket`.
    func send(_ frame: ByteBuffer, ticket: UInt64, from client: Int, to broker: BrokerID) {
        let id = clientConnections[client]?[broker].flatMap { connections[$0] == nil ? nil : $0 }
        let connection = id ?? open(from: .client(client), to: broker)
        clientConnections[client, default: [:]][broker] = connection
        send(frame, ticket: ticket, over: connection)
    }

    private func open(from: ClusterBroker.Endpoint, to: BrokerID) -> ConnectionID {
        lastConnection += 1
        let id = ConnectionID(lastConnection)
        connections[id] = Connection(from: from, to: to, nextArrival: now, nextReply: now)
        return id
    }

    private func send(_ frame: ByteBuffer, ticket: UInt64, over id: ConnectionID) {
        guard var connection = connections[id] else { preconditionFailure("\(id) is closed") }
        connection.open.append(ticket)
        let arrival = max(now + delay(), connection.nextArrival)
        connection.nextArrival = arrival
        connections[id] = connection
        let target = self[connection.to]
        after(Self.requestTimeout) { [self] in
            if connections[id]?.open.contains(ticket) ?? false { close(id) }
        }
        guard !isCut(connection.from, .broker(connection.to)) else { return }
        let life = target.life
        queue.add(
            { [self] in
                guard connections[id] != nil else { return }
                guard target.isRunning, target.life == life else { return close(id) }
                arrive(frame, ticket, over: id, at: target)
            }, at: arrival)
    }

    private func arrive(_ frame: ByteBuffer, _ ticket: UInt64, over id: ConnectionID, at broker: ClusterBroker) {
        guard let connection = connections[id] else { return }
        var incoming = broker.incoming[id] ?? ClusterBroker.Incoming(sender: connection.from)
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
    private func close(_ id: ConnectionID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        let receiver = self[connection.to]
        let life = receiver.life
        after(delay()) { [self] in
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

    private func answer(_ ticket: ReplyTicket, _ pieces: [RecordBytes], by broker: ClusterBroker) {
        guard let open = broker.incoming[ticket.connection]?.open.removeValue(forKey: ticket.place),
            var connection = connections[ticket.connection]
        else { return }
        guard !isCut(.broker(broker.id), connection.from) else { return }
        let arrival = max(now + delay(), connection.nextReply)
        connection.nextReply = arrival
        connections[ticket.connection] = connection
        let bytes = pieces.reduce(into: ByteBuffer()) { $0.append($1) }
        queue.add(
            { [self] in
                guard let place = connections[ticket.connection]?.open.firstIndex(of: open) else { return }
                connections[ticket.connection]?.open.remove(at: place)
                switch connection.from {
                case .client(let client): receive(client, open, bytes)
                case .broker(let sender):
                    var body = bytes
                    body.moveReaderIndex(forwardBy: 4)
                    step(self[sender], .peerReplied(PeerTicket(open), body))
                }
            }, at: arrival)
    }

    // MARK: - Brokers

    private func step(_ broker: ClusterBroker, _ event: BrokerKernel.Event) {
        guard broker.isRunning else { return }
        if let until = broker.pausedUntil, until > now {
            broker.waitingEvents.append(event)
            return
        }
        var effects: [BrokerKernel.Effect] = []
        broker.kernel?.step(event, at: now, into: &effects)
        broker.disk.setTime(unixMilliseconds: now.unixMilliseconds)
        for effect in effects where broker.isRunning { perform(effect, by: broker) }
        scheduleTick(broker)
    }

    private func scheduleTick(_ broker: ClusterBroker) {
        guard broker.pausedUntil == nil, let due = broker.kernel?.nextDeadline, due < broker.nextTick else { return }
        broker.nextTick = due
        let life = broker.life
        queue.add(
            { [self] in
                guard broker.life == life else { return }
                broker.nextTick = .never
                if let due = broker.kernel?.nextDeadline, due <= now { step(broker, .tick) }
                scheduleTick(broker)
            }, at: max(due, now))
    }

    private func perform(_ effect: BrokerKernel.Effect, by broker: ClusterBroker) {
        switch effect {
        case .reply(let ticket, let pieces): answer(ticket, pieces, by: broker)
        case .noReply: break
        case .close(let id, let reason):
            note("broker \(broker.id) closes a connection: \(reason)")
            close(id)
        case .changeTree(let ticket, let change): ask(broker, ticket, change)
        case .allocateProducerIDs:
            nextProducerID += 1000
            let block = nextProducerID - 1000..<nextProducerID
            toTree(broker) { world in world.step(broker, .producerIDsAllocated(block)) }
        case .send(let request):
            let id = broker.outgoing[request.broker] ?? open(from: .broker(broker.id), to: request.broker)
            broker.outgoing[request.broker] = id
            send(request.frame, ticket: request.ticket.value, over: id)
        case .disconnectPeer(let peer): if let id = broker.outgoing[peer] { close(id) }
        case .onDiskThread(let job):
            var news: [DiskNews] = []
            job.perform(pace: { _ in }, tell: { news.append($0) })
            for one in news { step(broker, .diskReported(one)) }
        case .replicasOffline(let partitions):
            violate("broker \(broker.id) cannot serve \(partitions)")
        case .report(let text):
            note("broker \(broker.id) reports: \(text)")
            if text.contains("below what was committed") { violate("broker \(broker.id): \(text)") }
        case .note(let text): note("broker \(broker.id): \(text)")
        case .stop(let reason): violate("broker \(broker.id) stopped by itself: \(reason)")
        }
    }

    // MARK: - Processes

    /// Starts a broker's process. One whose machine lost power sees first to what its logs may lack.
    func start(_ broker: ClusterBroker) {
        var settings = settings
        settings.brokerID = broker.id
        do {
            try broker.start(settings, seed: random.next(), at: now)
        } catch {
            return violate("broker \(broker.id) does not start: \(error)")
        }
        broker.nextTick = .never
        endSession(of: broker)
        if broker.hasLostTail {
            for (_, transaction) in LostTail.transactions(of: broker.id, in: tree.image) {
                if !tree.perform(transaction) { violate("a state changed while nobody else wrote") }
            }
            broker.hasLostTail = false
        }
        note("broker \(broker.id) starts")
        broker.isReachingTree = true
        register(broker)
    }

    private func register(_ broker: ClusterBroker) {
        broker.sessionEnd = nil
        let registration = BrokerRegistration(endpoints: [
            BrokerEndpoint(listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "sim", port: 9092)
        ])
        _ = tree.perform(
            TreeTransaction([
                .create(path: TreePath.broker(broker.id), data: registration.text(at: now.unixMilliseconds), .ephemeral)
            ]))
        treeChanged()
    }

    /// The process dies; what it wrote stays on the disk.
    func kill(_ broker: ClusterBroker) {
        guard broker.isRunning else { return }
        note("broker \(broker.id) is killed")
        broker.end()
        for (id, connection) in connections.sorted(by: { $0.key < $1.key })
        where connection.to == broker.id || connection.from == .broker(broker.id) { close(id) }
        loseTree(broker)
    }

    /// The machine loses power: what was not made durable may be lost.
    func cutPower(_ broker: ClusterBroker) {
        note("broker \(broker.id) loses power")
        kill(broker)
        broker.disk.crash()
        broker.hasLostTail = true
    }

    func pause(_ broker: ClusterBroker, for duration: Duration) {
        guard broker.isRunning, broker.pausedUntil == nil else { return }
        note("broker \(broker.id) pauses for \(duration)")
        broker.pausedUntil = now + duration
        loseTree(broker)
        let life = broker.life
        after(duration) { [self] in if broker.life == life { resume(broker) } }
    }

    private func resume(_ broker: ClusterBroker) {
        note("broker \(broker.id) goes on")
        broker.pausedUntil = nil
        let events = broker.waitingEvents
        broker.waitingEvents = []
        for event in events { step(broker, event) }
        scheduleTick(broker)
        reachTree(broker)
    }

    // MARK: - The tree

    func loseTree(_ broker: ClusterBroker) {
        guard broker.sessionEnd == nil else { return }
        broker.isReachingTree = false
        broker.sessionEnd = now + Self.sessionTimeout
        after(Self.sessionTimeout) { [self] in
            guard let end = broker.sessionEnd, end <= now else { return }
            note("the session of broker \(broker.id) expires")
            endSession(of: broker)
        }
    }

    func reachTree(_ broker: ClusterBroker) {
        guard broker.isRunning, broker.pausedUntil == nil else { return }
        broker.isReachingTree = true
        broker.sessionEnd = nil
        if tree.node(TreePath.broker(broker.id)) == nil { register(broker) } else { treeChanged() }
    }

    private func endSession(of broker: ClusterBroker) {
        controllers[broker.id] = nil
        if tree.node(TreePath.broker(broker.id)) != nil {
            _ = tree.perform(TreeTransaction([.delete(path: TreePath.broker(broker.id), version: -1)]))
        }
        if tree.image.controllerID == broker.id {
            _ = tree.perform(TreeTransaction([.delete(path: TreePath.controller, version: -1)]))
        }
        treeChanged()
    }

    /// Does something at the tree in a moment, if the broker's process lives and reaches it by then.
    private func toTree(_ broker: ClusterBroker, _ action: @escaping (ClusterWorld) -> Void) {
        let life = broker.life
        after(delay()) { [self] in
            if broker.life == life, broker.isReachingTree, broker.pausedUntil == nil { action(self) }
        }
    }

    private func write(_ transaction: TreeTransaction) -> Bool {
        defer { treeChanged() }
        return tree.perform(transaction)
    }

    private func ask(_ broker: ClusterBroker, _ ticket: TreeTicket, _ change: TreeChange) {
        guard broker.isReachingTree else {
            let life = broker.life
            return after(.seconds(1)) { [self] in
                if broker.life == life { step(broker, .treeChanged(ticket, .unavailable)) }
            }
        }
        // A request that was sent arrives, also when its sender has died since.
        let isAnswered = Int.random(in: 0..<10, using: &random) > 0
        let life = broker.life
        after(delay()) { [self] in
            if broker.life != life, broker.hasLostTail { return }
            let isDone = make(change)
            treeChanged()
            let outcome: TreeOutcome =
                !isAnswered ? .unavailable : isDone ? .done : .refused(errorCode: 95, message: "the state moved on")
            after(delay()) { [self] in if broker.life == life { step(broker, .treeChanged(ticket, outcome)) } }
        }
    }

    private func make(_ change: TreeChange) -> Bool {
        let hasConfig = change.configPath.map { tree.node($0) != nil } ?? false
        do throws(ChangeRefusal) {
            for transaction in try change.transactions(on: tree.image, configNodeExists: hasConfig) {
                guard tree.perform(transaction) else { return false }
            }
            return true
        } catch {
            return false
        }
    }

    /// Makes a topic as an admin client asks for one.
    func createTopic(_ name: String, _ assignment: [[BrokerID]], configs: [String: String]) {
        let id = KafkaUUID.random(using: &random)
        if !make(.createTopic(name: name, id: id, assignment: assignment, configs: configs)) {
            violate("topic \(name) cannot be made")
        }
        treeChanged()
    }

    /// Lets the brokers read the tree soon, each in its own time.
    private func treeChanged() {
        for broker in brokers where broker.isRunning && broker.isReachingTree && !broker.isImageDue {
            broker.isImageDue = true
            let life = broker.life
            let delay = Int.random(in: 0..<10, using: &random) == 0 ? milliseconds(50...900) : milliseconds(1...20)
            after(delay) { [self] in
                guard broker.life == life else { return }
                broker.isImageDue = false
                if broker.isReachingTree { show(tree.image, to: broker) }
            }
        }
    }

    private func show(_ image: ClusterImage, to broker: ClusterBroker) {
        step(broker, .imageChanged(image))
        noteLeaders(broker)
        guard broker.isRunning, broker.pausedUntil == nil else { return }
        if image.controllerID == nil {
            guard let epoch = tree.node(TreePath.controllerEpoch) else { return }
            let election = ClusterController.election(
                of: broker.id, after: tree.image.controllerEpoch, epochNodeVersion: epoch.version,
                at: now.unixMilliseconds)
            guard tree.perform(election) else { return }
            controllers[broker.id] = ClusterController(
                epoch: tree.image.controllerEpoch, epochNodeVersion: epoch.version + 1, uncleanElectionByDefault: false)
            treeChanged()
        } else if image.controllerID == broker.id, let controller = controllers[broker.id] {
            for step in controller.steps(for: image) {
                guard case .write(let writes) = step else { continue }
                let transaction = TreeTransaction([controller.fence] + writes)
                toTree(broker) { world in if !world.write(transaction) { world.note("the controller's write is late") }
                }
            }
        }
    }

    /// In each epoch at most one broker leads.
    private func noteLeaders(_ broker: ClusterBroker) {
        guard let kernel = broker.kernel else { return }
        for (name, partition) in kernel.partitions.sorted(by: { $0.key < $1.key }) {
            guard let epoch = partition.leadership?.term.epoch else { continue }
            let key = "\(name) in epoch \(epoch)"
            if let other = leaders[key], other != broker.id {
                violate("brokers \(other) and \(broker.id) both lead \(key)")
            }
            leaders[key] = broker.id
        }
    }
}
