import BrokerKernel
import ClusterModel
import Controller
import Logging
import Platform
import Seams
import Synchronization
import Transport
import WireCoding

/// The thread that owns a broker's kernel: takes all that has come, steps the kernel through it, performs the effects
/// as one batch, and waits.
///
/// Everything reaches the kernel through ``post(_:)``, in order for each poster.
final class Shard: Sendable {
    enum Message: Sendable {
        case connectionOpened(ConnectionID, Connection, RequestBacklog)
        case event(BrokerKernel.Event)
        /// Flushes the logs, marks them cleanly closed, and ends the thread.
        case shutDown
    }

    /// What the shard asks of the rest of the broker; called on the shard's thread, must not block.
    struct Surroundings: Sendable {
        var changeTree: @Sendable (TreeTicket, TreeChange) -> Void
        var allocateProducerIDs: @Sendable () -> Void
        var peers: PeerLinks
        /// These partitions of the broker cannot be served.
        var tellOffline: @Sendable ([TopicPartition]) -> Void
        /// The broker cannot go on, for this reason.
        var stop: @Sendable (String) -> Void
    }

    private let mailbox = Mailbox<Message>()
    private let logger: Logger
    /// Of what clients were permitted and denied; by the name that it has in Apache Kafka.
    private let auditLogger = Logger(label: "kafka.authorizer.logger")
    private let clock: SystemClock

    init(clock: SystemClock, logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    func post(_ message: Message) { mailbox.post(message) }

    /// Whether the log takes what was permitted, and not only what was denied.
    var logsPermissions: Bool { auditLogger.logLevel <= .debug }

    /// Starts the thread with `kernel`, which belongs to it from now on. The thread ends after `shutDown`.
    func start(_ kernel: sending BrokerKernel, _ surroundings: Surroundings) -> OwnThread {
        let start = Mutex<BrokerKernel?>(kernel)
        return OwnThread(name: "shard") { [self] in
            guard let kernel = start.withLock({ $0.take() }) else { preconditionFailure("a shard starts once") }
            run(kernel, surroundings)
        }
    }

    private func run(_ kernel: consuming BrokerKernel, _ surroundings: Surroundings) {
        var kernel = kernel
        var connections: [ConnectionID: ReplyQueue] = [:]
        var effects: [BrokerKernel.Effect] = []
        let disk = DiskThreads(bytesPerSecond: kernel.settings.compaction.bytesPerSecond, clock: clock) { [self] news in
            post(.event(.diskReported(news)))
        }
        var messages = messagesUpToFirstImage()
        while true {
            let now = clock.now()
            var shutsDown = false
            for message in messages {
                switch message {
                case .connectionOpened(let id, let connection, let backlog):
                    connections[id] = ReplyQueue(connection: connection, backlog: backlog)
                case .event(let event):
                    if case .connectionClosed(let id) = event { connections[id] = nil }
                    kernel.step(event, at: now, into: &effects)
                case .shutDown: shutsDown = true
                }
            }
            if now >= kernel.nextDeadline { kernel.step(.tick, at: now, into: &effects) }
            perform(effects, &connections, disk, surroundings)
            effects.removeAll(keepingCapacity: true)
            if shutsDown {
                close(&kernel, disk, into: &effects)
                return perform(effects, &connections, disk, surroundings)
            }
            messages = mailbox.take(waitingAtMost: kernel.nextDeadline - clock.now())
        }
    }

    /// Ends what is done beside the shard, and then closes the logs.
    private func close(_ kernel: inout BrokerKernel, _ disk: DiskThreads, into effects: inout [BrokerKernel.Effect]) {
        kernel.cancelCompaction()
        disk.stop()
        for message in mailbox.take(waitingAtMost: .zero) {
            guard case .event(.diskReported(let news)) = message else { continue }
            kernel.step(.diskReported(news), at: clock.now(), into: &effects)
        }
        kernel.shutDown(at: clock.now(), into: &effects)
    }

    /// Waits for the first image of the cluster, and gives it before all that came earlier: no request is answered from
    /// an empty image.
    private func messagesUpToFirstImage() -> [Message] {
        var messages: [Message] = []
        while true {
            messages += mailbox.take(waitingAtMost: .seconds(3600))
            let place = messages.firstIndex { message in
                switch message {
                case .event(.imageChanged), .shutDown: true
                default: false
                }
            }
            guard let place else { continue }
            messages.insert(messages.remove(at: place), at: 0)
            return messages
        }
    }

    private func perform(
        _ effects: [BrokerKernel.Effect], _ connections: inout [ConnectionID: ReplyQueue], _ disk: DiskThreads,
        _ surroundings: Surroundings
    ) {
        var answered: [ConnectionID] = []
        func complete(_ ticket: ReplyTicket, _ pieces: [RecordBytes]) {
            // A reply to a connection that has closed meanwhile has no receiver.
            guard let isFirst = connections[ticket.connection]?.complete(ticket.place, pieces) else { return }
            if isFirst { answered.append(ticket.connection) }
        }
        for effect in effects {
            switch effect {
            case .reply(let ticket, let pieces): complete(ticket, pieces)
            case .noReply(let ticket): complete(ticket, [])
            case .close(let id, let reason): connections[id]?.connection.close(.badInput(reason))
            case .changeTree(let ticket, let change): surroundings.changeTree(ticket, change)
            case .allocateProducerIDs: surroundings.allocateProducerIDs()
            case .send(let request): surroundings.peers.send(request)
            case .disconnectPeer(let broker): surroundings.peers.disconnect(broker)
            case .onDiskThread(let job): disk.post(job)
            case .replicasOffline(let partitions): surroundings.tellOffline(partitions)
            case .report(let text): logger.warning("\(text)")
            case .note(let text): logger.info("\(text)")
            case .audit(let isPermitted, let text): auditLogger.log(level: isPermitted ? .debug : .info, "\(text)")
            case .stop(let reason): surroundings.stop(reason)
            }
        }
        for id in answered { connections[id]?.send() }
    }
}
