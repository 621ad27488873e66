import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import NIOCore
import Seams
import Security
import SegmentedLog
import Simulation
import Testing
import WireCoding

/// One broker's kernel over a disk in memory, with a tree that does at once all that it is asked.
final class BrokerBench {
    static let brokerID = BrokerID(1)
    static let clusterID = "cluster-of-a-test-000"

    let disk = SimulatedDisk()
    private let settings: BrokerKernelSettings
    private(set) var kernel: BrokerKernel
    private(set) var image: ClusterImage
    private(set) var now = Instant(nanoseconds: 0, unixMilliseconds: 1_700_000_000_000)
    /// What the kernel asked for besides replies.
    private(set) var closed: [ConnectionID: String] = [:]
    private(set) var unanswered: Set<ReplyTicket> = []
    private(set) var stopReason: String?
    private(set) var toldOffline: [TopicPartition] = []
    private let directories: [String]
    /// Whether the tree answers; what it is asked meanwhile is lost.
    var isTreeAvailable = true
    /// Whether jobs for disk threads wait until ``performDiskJobs(atMost:)``.
    var holdsDiskJobs = false
    private(set) var heldDiskJobs: [DiskJob] = []
    private(set) var reports: [String] = []
    private(set) var audits: [(isPermitted: Bool, text: String)] = []
    /// Who sends requests.
    var principal: KafkaPrincipal {
        get { origin.principal }
        set {
            origin = RequestOrigin(
                listener: origin.listener, principal: newValue, clientAddress: origin.clientAddress,
                isEncrypted: origin.isEncrypted)
        }
    }
    /// Requests to other brokers that have no answer yet, while those can be reached.
    private(set) var asked: [PeerRequest] = []
    var arePeersReachable = false
    /// What others do to the tree just before the next changes that the kernel asks for, which are refused then.
    var overtakings: ArraySlice<(inout ClusterImage) -> Void> = []
    /// Where requests come from.
    var origin = RequestOrigin(listener: "PLAINTEXT", principal: .anonymous, clientAddress: "127.0.0.1")
    private var replies: [ReplyTicket: ByteBuffer] = [:]
    private var lastPlace: UInt64 = 0
    private var startCount: UInt64 = 1
    private var nextProducerID: ProducerID = 1000

    init(directories: [String] = ["/data"], _ change: (inout BrokerKernelSettings) -> Void = { _ in }) throws {
        var settings = BrokerKernelSettings(brokerID: Self.brokerID, clusterID: Self.clusterID)
        settings.committedOffsetsPartitionCount = 3
        // Most tests let no time pass.
        settings.followersPause = .zero
        change(&settings)
        self.settings = settings
        self.directories = directories
        image = ClusterImage(clusterID: Self.clusterID)
        image.controllerID = Self.brokerID
        image.brokers[Self.brokerID] = BrokerRegistration(endpoints: [
            BrokerEndpoint(listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "broker.test", port: 9092)
        ])
        kernel = try Self.started(directories, on: disk, settings, at: now, seed: startCount)
        try step(.imageChanged(image))
    }

    private static func started(
        _ directories: [String], on disk: SimulatedDisk, _ settings: BrokerKernelSettings, at now: Instant, seed: UInt64
    ) throws -> BrokerKernel {
        let owner = LogDirectory.Owner(
            brokerID: brokerID, clusterID: clusterID, newDirectoryID: KafkaUUID(high: 1, low: 1))
        let owners = Dictionary(uniqueKeysWithValues: directories.map { ($0, owner) })
        let store = try LogStore(directories, fileSystem: disk, owners: owners, at: now) { _ in LogSettings() }
        return BrokerKernel(
            settings: settings, logStore: store, generator: SeededRandom(seed: seed), at: now)
    }

    /// Kills the broker and starts it again on what it left, in a tree that `change` has changed meanwhile.
    func restart(_ change: (inout ClusterImage) -> Void = { _ in }) throws {
        startCount += 1
        heldDiskJobs = []
        reports = []
        change(&image)
        kernel = try Self.started(directories, on: disk, settings, at: now, seed: startCount)
        try step(.imageChanged(image))
    }

    func advance(milliseconds: Int64) throws {
        now = now + .milliseconds(milliseconds)
        try step(.tick)
    }

    // MARK: - Requests

    /// A request under way.
    struct Pending<Body: KafkaRequest> {
        var ticket: ReplyTicket
        var version: Int16
    }

    /// Sends a request, by default in the newest version that is offered.
    func send<Body: KafkaRequest>(
        _ body: Body, version: Int16? = nil, connection: UInt64 = 1
    ) throws -> Pending<Body> {
        let version = try version ?? #require(Body.apiKey.offeredVersions?.upperBound)
        var writer = WireWriter()
        body.write(to: &writer, version: version)
        let ticket = try send(Body.apiKey, version: version, body: writer.buffer(), connection: connection)
        return Pending(ticket: ticket, version: version)
    }

    /// Sends a request whose body is any bytes.
    func send(_ api: ApiKey, version: Int16, body: ByteBuffer, connection: UInt64 = 1) throws -> ReplyTicket {
        lastPlace += 1
        var writer = WireWriter()
        var header = RequestHeader()
        header.requestApiKey = api.rawValue
        header.requestApiVersion = version
        header.correlationId = Int32(lastPlace)
        header.clientId = "test"
        header.write(to: &writer, version: api.requestHeaderVersion(for: version))
        var frame = writer.buffer()
        frame.writeImmutableBuffer(body)
        let ticket = ReplyTicket(connection: ConnectionID(connection), place: lastPlace)
        try step(.requestsReceived([Request(frame: frame, ticket: ticket, origin: origin)]))
        return ticket
    }

    /// The answer to a request; nil while there is none.
    func reply<Body: KafkaRequest>(to pending: Pending<Body>) throws -> Body.Response? {
        guard let frame = replies.removeValue(forKey: pending.ticket) else { return nil }
        return try WireReader.read(frame) { reader throws(MalformedInput) in
            let length = try reader.int32()
            precondition(Int(length) == reader.remaining, "a frame of \(reader.remaining) bytes says \(length)")
            let header = try ResponseHeader(
                reading: &reader, version: Body.apiKey.responseHeaderVersion(for: pending.version))
            precondition(header.correlationId == Int32(pending.ticket.place), "the reply is another request's")
            let body = try Body.Response(reading: &reader, version: pending.version)
            try reader.finish()
            return body
        }
    }

    /// Whether the request was answered, needs no answer, or lost its connection.
    func isSettled(_ ticket: ReplyTicket) -> Bool {
        replies[ticket] != nil || unanswered.contains(ticket) || closed[ticket.connection] != nil
    }

    /// Sends a request that is answered at once.
    func call<Body: KafkaRequest>(_ body: Body, version: Int16? = nil) throws -> Body.Response {
        try #require(try reply(to: send(body, version: version)))
    }

    // MARK: - Effects

    private func step(_ event: BrokerKernel.Event) throws {
        var events = [event]
        while !events.isEmpty {
            var effects: [BrokerKernel.Effect] = []
            kernel.step(events.removeFirst(), at: now, into: &effects)
            for effect in effects {
                switch effect {
                case .reply(let ticket, let pieces):
                    #expect(replies[ticket] == nil, "answered twice")
                    replies[ticket] = try Self.joined(pieces)
                case .noReply(let ticket): unanswered.insert(ticket)
                case .close(let connection, let reason): closed[connection] = reason
                case .changeTree(let ticket, let change):
                    guard isTreeAvailable else {
                        events.append(.treeChanged(ticket, .unavailable))
                        continue
                    }
                    if let overtaking = overtakings.popFirst() {
                        overtaking(&image)
                        let version = ErrorCode.invalidUpdateVersion.rawValue
                        events += [
                            .treeChanged(ticket, .refused(errorCode: version, message: "overtaken")),
                            .imageChanged(image),
                        ]
                        continue
                    }
                    let outcome = try outcome(of: change)
                    try make(change)
                    events += [.treeChanged(ticket, outcome), .imageChanged(image)]
                case .allocateProducerIDs:
                    events.append(.producerIDsAllocated(nextProducerID..<(nextProducerID + 1000)))
                    nextProducerID += 1000
                case .onDiskThread(let job):
                    if holdsDiskJobs { heldDiskJobs.append(job) } else { events += news(of: job) }
                case .replicasOffline(let partitions): toldOffline = partitions
                case .stop(let reason): stopReason = reason
                case .send(let request):
                    if arePeersReachable { asked.append(request) } else { events.append(.peerFailed(request.ticket)) }
                case .report(let text): reports.append(text)
                case .audit(let isPermitted, let text): audits.append((isPermitted, text))
                case .note, .disconnectPeer: break
                }
            }
        }
    }

    private func news(of job: DiskJob) -> [BrokerKernel.Event] {
        var events: [BrokerKernel.Event] = []
        job.perform(pace: { _ in }, tell: { events.append(.diskReported($0)) })
        return events
    }

    /// Lets disk threads do what waits for them, and what comes of it, up to so many jobs.
    func performDiskJobs(atMost count: Int = .max) throws {
        var left = count
        while left > 0, !heldDiskJobs.isEmpty {
            left -= 1
            for event in news(of: heldDiskJobs.removeFirst()) { try step(event) }
        }
    }

    /// Lets another broker answer the oldest request that it was sent: with a header and a body, or not at all.
    func answerPeer(_ reply: ByteBuffer?) throws {
        let request = asked.removeFirst()
        if let reply {
            try step(.peerReplied(request.ticket, reply))
        } else {
            try step(.peerFailed(request.ticket))
        }
    }

    private static func joined(_ pieces: [RecordBytes]) throws -> ByteBuffer {
        var all = ByteBuffer()
        for piece in pieces {
            switch piece {
            case .inMemory(let bytes): all.writeImmutableBuffer(bytes)
            case .inFile(let range):
                var bytes = [UInt8](repeating: 0, count: range.count)
                let count = try bytes.withUnsafeMutableBytes { try range.file.read(into: $0, at: range.position) }
                #expect(count == range.count, "a reply promises bytes that its file does not have")
                all.writeBytes(bytes)
            }
        }
        return all
    }

    // MARK: - The tree

    private func outcome(of change: TreeChange) throws -> TreeOutcome {
        guard case .alterAccess = change else { return .done }
        return try change.transactions(on: image, configNode: reading(of: change)).isEmpty ? .unchanged : .done
    }

    private func make(_ change: TreeChange) throws {
        switch change {
        case .createTopic(let name, let id, let assignment, let configs):
            image.setTopic(name, TopicImage(id: id, partitions: assignment.map(led), configs: configs))
        case .deleteTopic(let name): image.setTopic(name, nil)
        case .createPartitions(let name, _, let assignment):
            let added = assignment.map(led)
            image.updateTopic(name) { $0.partitions += added }
        case .setTopicConfigs(let name, let configs, _): image.updateTopic(name) { $0.configs = configs }
        case .setInSync(let id, _, let isr, _, let version):
            image.updateTopic(id.topic) { topic in
                topic.partitions[Int(id.partition)].isr = isr
                topic.partitions[Int(id.partition)].stateVersion = version + 1
            }
        case .setConfigs, .reassign, .electLeader, .alterMirror, .affirmHomes, .alterAccess:
            let node = reading(of: change)
            for transaction in try change.transactions(on: image, configNode: node) {
                // What belongs to a topic counts only once its node is there.
                for write in transaction.writes.reversed() { try make(write) }
            }
        }
    }

    private func make(_ write: TreeWrite) throws {
        let node: TreeNode
        switch write {
        case .set(let path, let data, let version):
            node = try #require(TreeNode(path: path))
            try image.take(node, NodeReading(data: data, version: version + 1, created: 1))
        case .create(let path, let data, _):
            guard let created = TreeNode(path: path) else { return }
            node = created
            try image.take(node, NodeReading(data: data, version: 0, created: 1))
        case .delete(let path, _):
            if let node = TreeNode(path: path) { try image.take(node, nil) }
            return
        case .check: return
        }
        guard case .topic(let name) = node else { return }
        let known = image.topics[name]?.partitions ?? []
        let partitions = known.map { $0.stateVersion < 0 ? led($0.replicas) : $0 }
        image.updateTopic(name) { $0.partitions = partitions }
    }

    /// What stands where a change writes.
    private func reading(of change: TreeChange) -> NodeReading? {
        guard case .alterAccess(let pattern, _, _) = change else {
            return NodeReading(data: ConfigNode.text(present(of: change)), version: 0, created: 1)
        }
        let entries = image.access.entries(of: pattern)
        return entries.isEmpty ? nil : NodeReading(data: AccessNode.text(entries), version: 0, created: 1)
    }

    /// The settings that a change is about.
    private func present(of change: TreeChange) -> [String: String] {
        guard case .setConfigs(let entity, _, _) = change else { return [:] }
        guard entity.hasPrefix("brokers/") else { return image.entityConfigs[entity] ?? [:] }
        return Int32(entity.dropFirst(8)).map { image.brokerConfigs[BrokerID($0)] ?? [:] } ?? image.defaultBrokerConfigs
    }

    /// Lets the tree change by another hand.
    func changeImage(_ change: (inout ClusterImage) -> Void) throws {
        change(&image)
        try step(.imageChanged(image))
    }

    /// Lets the broker lead all partitions of a topic again, in a later epoch.
    func elect(_ topic: String, epoch: LeaderEpoch) throws {
        image.updateTopic(topic) { topic in
            for partition in topic.partitions.indices { topic.partitions[partition].leaderEpoch = epoch }
        }
        try step(.imageChanged(image))
    }

    private func led(_ replicas: [BrokerID]) -> PartitionImage {
        var partition = PartitionImage(replicas: replicas)
        let state = PartitionLeadership.initialState(
            replicas: replicas, BrokerStanding(image), controllerEpoch: 1)
        partition.setState(state, version: 0)
        return partition
    }
}
