import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import NIOCore
import Records
import Seams
import SegmentedLog
import WireCoding

/// Which tree change an outcome belongs to.
package struct TreeTicket: Sendable, Hashable {
    package var value: UInt64

    package init(_ value: UInt64) { self.value = value }
}

/// A broker as one value: admits requests, appends to and reads from its partitions' logs, runs its groups, and
/// follows the cluster image.
///
/// One event at a time, on one thread. The disk is reached through the `FileSystem` seam and may block; time, network
/// and the coordination tree are events and effects. Of what it is told, only the logs and the tree outlive it.
///
/// A request is answered once: by `reply` or `noReply`, at once or in a later step, unless its connection closes
/// before. Files of this module are one API each; those without an API's name are the state they share.
package struct BrokerKernel: ProtocolCore {
    package enum Event: Sendable {
        /// Requests that arrived together, in order for each connection.
        case requestsReceived([Request])
        case connectionClosed(ConnectionID)
        /// The coordination tree, as of now.
        case imageChanged(ClusterImage)
        case treeChanged(TreeTicket, TreeOutcome)
        /// A block of ids that no other broker has; nil when the tree could not give one.
        case producerIDsAllocated(Range<ProducerID>?)
        /// Another broker's reply: header and body, without the length in front. The bytes belong to the kernel.
        case peerReplied(PeerTicket, ByteBuffer)
        /// The request may have been carried out or not.
        case peerFailed(PeerTicket)
        /// From disk threads, in the order in which each did it.
        case diskReported(DiskNews)
        /// Time has passed; wanted by ``BrokerKernel/nextDeadline`` at the latest.
        case tick
    }

    package enum Effect: Sendable {
        /// The whole reply with its length in front.
        case reply(ReplyTicket, [RecordBytes])
        /// The request asked for no reply (produce with acks=0).
        case noReply(ReplyTicket)
        /// The connection said something that cannot be answered.
        case close(ConnectionID, reason: String)
        /// Asks the coordination tree for a change; the outcome comes back as `treeChanged` with this ticket.
        case changeTree(TreeTicket, TreeChange)
        /// Asks the tree for a block of producer ids; it comes back as `producerIDsAllocated`.
        case allocateProducerIDs
        /// Asks another broker; the outcome comes back as `peerReplied` or `peerFailed` with the request's ticket.
        case send(PeerRequest)
        /// Closes the connection to a broker, which fails what is under way on it; a later `send` opens a new one.
        case disconnectPeer(BrokerID)
        /// To be done beside the shard; ends with a `diskReported`.
        case onDiskThread(DiskJob)
        /// Something the operator should read.
        case report(String)
        /// Something the operator may want to know later.
        case note(String)
        /// A decision on what a client wants to do, for the audit log.
        case audit(isPermitted: Bool, String)
        /// All partitions of this broker that it cannot serve, sorted, for the controller to count without it there.
        case replicasOffline([TopicPartition])
        /// All its disks failed, or it is wrong about something: the broker has to stop.
        case stop(reason: String)
    }

    package let settings: BrokerKernelSettings
    package internal(set) var image = ClusterImage()
    package internal(set) var partitions: [TopicPartition: Partition] = [:]

    let logStore: LogStore
    /// Looks at what clients produce to any partition.
    let inspector = RecordInspector()
    /// Partitions that are to be here and cannot be served, and why.
    package internal(set) var offline: [TopicPartition: OfflineReason] = [:]
    /// Those that the controller was told of last.
    var toldOffline: [TopicPartition] = []
    /// Whether an image of the cluster was followed since the start.
    var hasFollowed = false
    /// What failed in this step, before it is acted on.
    var logFailures: [LogFailure] = []
    /// Draws ids of topics and members, and where partitions go.
    var generator: any RandomNumberGenerator & Sendable
    var fetchSessions: FetchSessions
    /// The newest connection by which each broker has fetched for its replicas.
    var followersConnections: [BrokerID: ConnectionID] = [:]
    var parkedFetches = ParkedFetches()
    var waitingProduces = WaitingReplies<AppendResponse>()
    var waitingDeletions = WaitingReplies<DeleteRecordsResponse>()
    var waitingSpeakers = WaitingSpeakers()
    /// When the leaders of partitions want a tick.
    var leaderDeadlines = Deadlines<TopicPartition>()
    var fetchers = ReplicaFetchers()
    var throttles: ReplicationThrottles
    var producerIDs = ProducerIDs()
    var groups = GroupCoordinators()
    var upkeep: Upkeep
    var compaction: Compaction
    var moves: DirectoryMoves
    var digests = WaitingDigests()
    /// What to do when the outcome of a tree change is known.
    var treeContinuations: [TreeTicket: (inout BrokerKernel, TreeOutcome) -> Void] = [:]
    var peerRequests = PeerRequests()
    var imageWaits = ImageWaits()
    var hasLookedForStrayLogs = false
    private var lastTreeTicket: UInt64 = 0

    /// The moment and the effects of the step under way.
    private(set) var now: Instant
    private var effects: [Effect] = []

    /// A broker over opened data directories, which become this value's own.
    package init(
        settings: BrokerKernelSettings, logStore: LogStore, generator: any RandomNumberGenerator & Sendable,
        at now: Instant
    ) {
        var generator = generator
        self.settings = settings
        self.logStore = logStore
        self.fetchSessions = FetchSessions(
            slots: settings.fetchSessionSlots, lastID: Int32.random(in: 0 ..< .max, using: &generator))
        self.generator = generator
        self.throttles = ReplicationThrottles(settings)
        self.upkeep = Upkeep(settings: settings, at: now)
        self.compaction = Compaction(settings: settings.compaction, at: now)
        self.moves = DirectoryMoves(at: now)
        self.now = now
    }

    package mutating func step(_ event: Event, at now: Instant, into effects: inout [Effect]) {
        self.now = now
        swap(&self.effects, &effects)
        switch event {
        case .requestsReceived(let requests): for request in requests { admit(request) }
        case .connectionClosed(let connection): parkedFetches.drop(connection)
        case .imageChanged(let image): follow(image)
        case .treeChanged(let ticket, let outcome):
            if let proceed = treeContinuations.removeValue(forKey: ticket) { proceed(&self, outcome) }
        case .producerIDsAllocated(let block): receiveProducerIDs(block)
        case .peerReplied(let ticket, let reply): endPeerRequest(ticket, with: reply)
        case .peerFailed(let ticket): endPeerRequest(ticket, with: nil)
        case .diskReported(let news): receive(news)
        case .tick: tick()
        }
        retireFailedLogs()
        answerParkedFetches()
        fetchFromLeaders()
        goOnMoving()
        retireFailedLogs()
        tellOfflineReplicas()
        swap(&self.effects, &effects)
    }

    /// When the next `tick` is due at the latest.
    package var nextDeadline: Instant {
        var deadline = min(upkeep.nextDeadline, groups.nextDeadline, compaction.nextDeadline, moves.nextDeadline)
        deadline = min(
            deadline, waitingProduces.nextDeadline, waitingDeletions.nextDeadline, waitingSpeakers.nextDeadline,
            leaderDeadlines.next, parkedFetches.nextDeadline, fetchers.nextDeadline(in: image))
        if let wait = imageWaits.nextDeadline { deadline = min(deadline, wait) }
        return deadline
    }

    private mutating func tick() {
        keepUp()
        tickLeaders()
        endLateProduceWaits()
        endLateDeletions()
        endLateSpeakers()
        compactWhenDue()
        loadGroups()
        tickGroups()
        giveUpImageWaits()
    }

    // MARK: - What the APIs share

    /// What `body` does with a log; nil when it failed, which ends the log's service, or that of its whole directory,
    /// with this step.
    mutating func onLog<Value>(_ body: () throws(LogFailure) -> Value) -> Value? {
        do throws(LogFailure) {
            return try body()
        } catch {
            logFailures.append(error)
            return nil
        }
    }

    mutating func perform(_ effect: Effect) { effects.append(effect) }

    /// Answers `request`; `write` writes the response's body in the request's version.
    mutating func reply(to request: Request, _ write: (inout WireWriter) -> Void) {
        var writer = WireWriter()
        writer.int32(0)
        var header = ResponseHeader()
        header.correlationId = request.correlationID
        header.write(to: &writer, version: request.apiKey.responseHeaderVersion(for: request.version))
        write(&writer)
        perform(.reply(request.ticket, writer.framedPieces()))
    }

    /// Asks the tree for a change and goes on with `proceed` when its outcome is known.
    mutating func change(
        _ change: TreeChange, then proceed: @escaping (inout BrokerKernel, TreeOutcome) -> Void
    ) {
        lastTreeTicket += 1
        let ticket = TreeTicket(lastTreeTicket)
        treeContinuations[ticket] = proceed
        perform(.changeTree(ticket, change))
    }

    /// Whether this broker leads `partition`, and if not, why not, as the protocol says it.
    func led(
        _ partition: TopicPartition, leaderEpoch: LeaderEpoch = -1
    ) -> Result<Partition, ErrorCode> {
        replica(of: partition, leaderEpoch: leaderEpoch).flatMap { found in
            found.isLeader ? .success(found) : .failure(.notLeaderOrFollower)
        }
    }

    /// This broker's replica of `partition`, leader or not, if it is in the epoch that the asker believes in (-1: any).
    func replica(of partition: TopicPartition, leaderEpoch: LeaderEpoch) -> Result<Partition, ErrorCode> {
        guard let found = partitions[partition] else {
            if offline[partition] != nil { return .failure(.kafkaStorageError) }
            return .failure(image.partition(partition) == nil ? .unknownTopicOrPartition : .notLeaderOrFollower)
        }
        if leaderEpoch >= 0 {
            if leaderEpoch < found.leaderEpoch { return .failure(.fencedLeaderEpoch) }
            if leaderEpoch > found.leaderEpoch { return .failure(.unknownLeaderEpoch) }
        }
        return .success(found)
    }
}
