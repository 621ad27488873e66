import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import NIOCore
import Seams
import Security
import SegmentedLog
import WireCoding

/// One broker's kernel over a simulated disk, in a cluster of its own whose tree does at once what it is asked.
///
/// Time passes only when told. The tree outlives every crash, as a coordinator's promise is.
package final class SimulatedBroker {
    /// Who waits for an answer, and in which version it comes.
    package struct Call<Response: WireMessage> {
        fileprivate var ticket: ReplyTicket
        fileprivate var version: Int16
        fileprivate var headerVersion: Int16
    }

    private static let directory = "/data"
    private static let brokerID = BrokerID(1)
    package static let clusterID = "simulated-cluster-aaaaa"

    package let disk: SimulatedDisk
    package private(set) var now = Instant(nanoseconds: 1_000_000_000, unixMilliseconds: 1_700_000_000_000)
    /// Why the broker stopped by itself; nil while it runs.
    package private(set) var stopReason: String?
    /// Connections that the broker closed, and why.
    package private(set) var closed: [ConnectionID: String] = [:]
    private var image = ClusterImage(clusterID: SimulatedBroker.clusterID)
    private var kernel: BrokerKernel
    private var settings: BrokerKernelSettings
    private var random: SeededRandom
    private var replies: [ReplyTicket: ByteBuffer] = [:]
    private var lastPlace: UInt64 = 0
    private var nextProducerID: ProducerID = 0

    /// Starts a broker on the disk.
    /// - Parameters:
    ///   - configured: keys of `server.properties`.
    ///   - adjust: changes the kernel's settings before the start.
    package init(
        disk: SimulatedDisk, seed: UInt64, configured: [String: String] = [:],
        _ adjust: (inout BrokerKernelSettings) -> Void = { _ in }
    ) throws {
        self.disk = disk
        random = SeededRandom(seed: seed)
        settings = BrokerKernelSettings(brokerID: Self.brokerID, clusterID: Self.clusterID)
        settings.configured = configured
        settings.committedOffsetsPartitionCount = 2
        adjust(&settings)
        image.controllerID = Self.brokerID
        image.brokers[Self.brokerID] = BrokerRegistration(endpoints: [
            BrokerEndpoint(listenerName: "PLAINTEXT", securityProtocol: "PLAINTEXT", host: "sim", port: 9092)
        ])
        try disk.createDirectory(Self.directory)
        try disk.synchronizeDirectory("/")
        kernel = try Self.open(disk, settings, &random, at: now)
        step(.imageChanged(image))
    }

    private static func open(
        _ disk: SimulatedDisk, _ settings: BrokerKernelSettings, _ random: inout SeededRandom, at now: Instant
    ) throws -> BrokerKernel {
        let owner = LogDirectory.Owner(
            brokerID: brokerID, clusterID: clusterID, newDirectoryID: .random(using: &random))
        let logSettings = TopicConfigs(own: [:], broker: settings.configured).logSettings(
            producerExpirationInMilliseconds: settings.producerIDExpirationInMilliseconds)
        let logs = try LogDirectory(
            directory, fileSystem: disk, owner: owner, at: now, settings: { _ in logSettings })
        return BrokerKernel(
            settings: settings, logStore: LogStore([logs]), generator: SeededRandom(seed: random.next()), at: now)
    }

    // MARK: - Requests

    /// Sends a request; its answer comes with ``answer(to:)``.
    package func send<Request: KafkaRequest>(
        _ request: Request, version: Int16, connection: UInt64 = 1
    ) throws -> Call<Request.Response> {
        lastPlace += 1
        let ticket = ReplyTicket(connection: ConnectionID(connection), place: lastPlace)
        var writer = WireWriter()
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.correlationId = Int32(truncatingIfNeeded: lastPlace)
        header.clientId = "simulated"
        header.write(to: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        request.write(to: &writer, version: version)
        try deliver(writer.buffer(), ticket)
        return Call(
            ticket: ticket, version: version, headerVersion: Request.apiKey.responseHeaderVersion(for: version))
    }

    /// Sends bytes as a request, whatever they are.
    package func send(frame: ByteBuffer, connection: UInt64) throws {
        lastPlace += 1
        try deliver(frame, ReplyTicket(connection: ConnectionID(connection), place: lastPlace))
    }

    private func deliver(_ frame: ByteBuffer, _ ticket: ReplyTicket) throws {
        let origin = RequestOrigin(listener: "PLAINTEXT", principal: .anonymous, clientAddress: "10.0.0.1")
        step(.requestsReceived([try Request(frame: frame, ticket: ticket, origin: origin)]))
    }

    /// The answer to a call; nil when there is none yet.
    package func answer<Response>(to call: Call<Response>) throws -> Response? {
        guard let bytes = replies.removeValue(forKey: call.ticket) else { return nil }
        return try WireReader.read(bytes) { reader throws(MalformedInput) in
            _ = try reader.int32()
            _ = try ResponseHeader(reading: &reader, version: call.headerVersion)
            let response = try Response(reading: &reader, version: call.version)
            try reader.finish()
            return response
        }
    }

    /// Sends a request and lets time pass, up to ten seconds, until its answer is there; nil when none comes.
    package func call<Request: KafkaRequest>(
        _ request: Request, version: Int16, connection: UInt64 = 1
    ) throws -> Request.Response? {
        let call = try send(request, version: version, connection: connection)
        for _ in 0..<100 {
            if let answer = try answer(to: call) { return answer }
            advance(by: .milliseconds(100))
        }
        return try answer(to: call)
    }

    // MARK: - Time and misfortune

    package func advance(by duration: Duration) {
        now = now + duration
        disk.setTime(unixMilliseconds: now.unixMilliseconds)
        if kernel.nextDeadline <= now { step(.tick) }
    }

    /// The process dies and starts again: what it wrote is there, what it knew is not.
    package func kill() throws {
        replies = [:]
        closed = [:]
        stopReason = nil
        advance(by: .milliseconds(10))
        kernel = try Self.open(disk, settings, &random, at: now)
        // The controller's election raises the epoch of every leader.
        for name in image.topics.keys.sorted() {
            image.updateTopic(name) { topic in
                for index in topic.partitions.indices { topic.partitions[index].lead(by: Self.brokerID) }
            }
        }
        step(.imageChanged(image))
    }

    /// The machine loses power: the disk forgets what was not made durable, and the process dies with it.
    package func cutPower() throws {
        disk.crash()
        try kill()
    }

    /// The process ends as it should and starts again.
    package func restart() throws {
        var effects: [BrokerKernel.Effect] = []
        kernel.shutDown(at: now, into: &effects)
        try kill()
    }

    // MARK: - Effects

    private func step(_ event: BrokerKernel.Event) {
        var effects: [BrokerKernel.Effect] = []
        kernel.step(event, at: now, into: &effects)
        for effect in effects { perform(effect) }
    }

    private func perform(_ effect: BrokerKernel.Effect) {
        switch effect {
        case .reply(let ticket, let pieces): replies[ticket] = pieces.reduce(into: ByteBuffer()) { $0.append($1) }
        case .noReply, .report, .note, .audit, .replicasOffline: break
        case .close(let connection, let reason): closed[connection] = reason
        case .changeTree(let ticket, let change):
            change.perform(on: &image, by: Self.brokerID)
            step(.treeChanged(ticket, .done))
            step(.imageChanged(image))
        case .allocateProducerIDs:
            nextProducerID += 1000
            step(.producerIDsAllocated(nextProducerID - 1000..<nextProducerID))
        // There is nobody else in the cluster.
        case .send(let request): step(.peerFailed(request.ticket))
        case .disconnectPeer: break
        case .onDiskThread(let job):
            var news: [DiskNews] = []
            job.perform(pace: { _ in }, tell: { news.append($0) })
            for one in news { step(.diskReported(one)) }
        case .stop(let reason): stopReason = stopReason ?? reason
        }
    }
}

extension PartitionImage {
    /// Makes `broker` the leader in a new epoch.
    fileprivate mutating func lead(by broker: BrokerID) {
        let state = PartitionState(leader: broker, leaderEpoch: leaderEpoch + 1, isr: [broker], controllerEpoch: 1)
        setState(state, version: stateVersion + 1)
    }
}

extension TreeChange {
    /// Does what tree and controller would do together.
    fileprivate func perform(on image: inout ClusterImage, by broker: BrokerID) {
        func led(_ assignment: [[BrokerID]]) -> [PartitionImage] {
            assignment.map { replicas in
                var partition = PartitionImage(replicas: replicas)
                partition.lead(by: broker)
                return partition
            }
        }
        switch self {
        case .createTopic(let name, let id, let assignment, let configs):
            image.setTopic(name, TopicImage(id: id, partitions: led(assignment), configs: configs))
        case .deleteTopic(let name): image.setTopic(name, nil)
        case .createPartitions(let name, _, let assignment):
            image.updateTopic(name) { $0.partitions += led(assignment) }
        case .setTopicConfigs(let name, let configs, _): image.updateTopic(name) { $0.configs = configs }
        case .setInSync(let id, _, let isr, _, let version):
            image.updateTopic(id.topic) { topic in
                topic.partitions[Int(id.partition)].isr = isr
                topic.partitions[Int(id.partition)].stateVersion = version + 1
            }
        case .setConfigs, .reassign, .electLeader, .alterMirror, .affirmHomes, .alterAccess:
            preconditionFailure("there is one broker, and nobody asks for \(self)")
        }
    }
}

extension ByteBuffer {
    /// Appends bytes of a reply, read from their file where they lie in one.
    mutating func append(_ piece: RecordBytes) {
        switch piece {
        case .inMemory(var buffer): writeBuffer(&buffer)
        case .inFile(let range):
            let count = range.count
            writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                do throws(FileSystemError) {
                    return try range.file.read(
                        into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]), at: range.position)
                } catch {
                    return 0
                }
            }
        }
    }
}
