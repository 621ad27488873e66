import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Quorum
import Seams
import Transport
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// The thread that owns the kernel: it takes all that has come, steps the kernel through it, and performs the effects
/// as one batch: one append, one send a connection.
final class CoordinatorThread: Sendable {
    enum Message: Sendable {
        case connected(ConnectionID, Connection)
        case received(ConnectionID, [ByteBuffer])
        case disconnected(ConnectionID)
        case authenticated(ConnectionID, SASLOutcome)
        case synced(SyncThread.Batch)
        case snapshotWritten(took: Duration)
        /// Whether the disk has room for changes, now that this is not as it was.
        case roomChanged(Bool)
        /// Somebody wants to look: between two turns, and not for long.
        case asked(@Sendable (inout CoordinatorLoop, Instant) -> Void)
        case peer(PeerEvent)
        /// What a member wanted of its disk has been done.
        case performed(CoordinatorEvent)
        case failed(StorageFailure)
        case stop
    }

    private let mailbox: Mailbox<Message>
    private let thread: OwnThread

    /// Starts the thread, which runs the loop that `makeLoop` makes on it.
    init(_ mailbox: Mailbox<Message>, _ makeLoop: @escaping @Sendable () -> CoordinatorLoop) {
        self.mailbox = mailbox
        thread = OwnThread(name: "coordinator") {
            var loop = makeLoop()
            while loop.turn(mailbox) {}
            loop.end()
        }
    }

    /// Returns when all that was queued before has been done.
    func stop() {
        mailbox.post(.stop)
        thread.join()
    }
}

/// What the coordinator's thread does, turn by turn.
struct CoordinatorLoop {
    /// How often the kernel looks at its deadlines.
    private static let tick = Duration.milliseconds(100)
    /// Of a member: twice a heartbeat and more.
    private static let shortTick = Duration.milliseconds(25)

    struct Client {
        let connection: Connection
        /// To be sent at the end of the turn.
        var unsent: UnsentFrames

        init(_ connection: Connection) {
            self.connection = connection
            unsent = UnsentFrames(mergesFrames: connection.tlsSession == nil)
        }
    }

    var kernel: CoordinatorKernel
    var ports: ClientPorts
    let started: Instant
    let restore: RestoreStatistics
    private(set) var disk = DiskStatistics()
    var stateCommands = StateCommandCounts()
    private var nextStatisticsTurn: Instant
    private let sync: SyncThread
    private let snapshots: SnapshotThread
    let throttle: Throttle
    private let logger: Logger
    /// nil when nothing is audited.
    private let audit: AuditLog?
    /// nil when no SASL is offered.
    private let authentication: AuthenticationThread?
    private var member: EnsembleMember?
    private let whenFailed: @Sendable (any Error) -> Void
    private let clock = SystemClock()
    private(set) var clients: [ConnectionID: Client] = [:]
    /// Clients with something unsent.
    private var waiting: [ConnectionID] = []
    private var effects: [CoordinatorEffect] = []
    private var appended = LogRun()
    /// Where the client is found that was sent something last, in this turn.
    private var lastSent: (id: ConnectionID, index: Dictionary<ConnectionID, Client>.Index)?
    /// States that operators want as soon as they cannot be taken back.
    private var awaited: [AwaitedState] = []
    private var lastTick: Instant
    private var idleMemory: IdleMemory
    /// After a failure of the disk nothing may be answered any more.
    private(set) var hasFailed = false

    init(
        kernel: CoordinatorKernel, ports: ClientPorts, started: Instant, restore: RestoreStatistics, sync: SyncThread,
        snapshots: SnapshotThread, throttle: Throttle, logger: Logger, audit: AuditLog?,
        authentication: AuthenticationThread?,
        member: EnsembleMember?,
        whenFailed: @escaping @Sendable (any Error) -> Void
    ) {
        self.kernel = kernel
        self.ports = ports
        self.started = started
        self.restore = restore
        nextStatisticsTurn = clock.now() + CoordinatorKernel.statisticsWindow
        self.sync = sync
        self.snapshots = snapshots
        self.throttle = throttle
        self.logger = logger
        self.audit = audit
        self.authentication = authentication
        self.member = member
        self.whenFailed = whenFailed
        lastTick = clock.now()
        idleMemory = IdleMemory(at: lastTick)
    }

    private var tick: Duration { member == nil ? Self.tick : Self.shortTick }

    /// Does all that has come; false when told to stop.
    mutating func turn(_ mailbox: Mailbox<CoordinatorThread.Message>) -> Bool {
        let messages = mailbox.take(waitingAtMost: tick)
        let now = clock.now()
        let waitedBefore = kernel.waitingReplyCount
        var requestCount = 0
        var goesOn = true
        for message in messages {
            switch message {
            case .connected(let id, let connection):
                clients[id] = Client(connection)
                let event = CoordinatorEvent.connected(
                    id, address: connection.peerAddress, host: connection.peerHost,
                    subject: connection.peerCertificate?.subject)
                kernel.step(event, at: now, into: &effects)
            case .received(let id, let frames):
                requestCount += frames.count
                kernel.step(.received(id, frames), at: now, into: &effects)
            case .disconnected(let id):
                clients[id] = nil
                authentication?.forget(id)
                kernel.step(.disconnected(id), at: now, into: &effects)
            case .authenticated(let id, let outcome):
                kernel.step(.authenticated(id, outcome), at: now, into: &effects)
            case .synced(let batch):
                disk.add(batch)
                kernel.step(.synced(upTo: batch.zxid, truncationCount: batch.truncationCount), at: now, into: &effects)
            case .snapshotWritten(let took):
                disk.snapshotTimes.add(took.nanoseconds)
                idleMemory.snapshotWritten()
            case .roomChanged(let hasRoom):
                kernel.step(hasRoom ? .spaceCameBack : .spaceRanOut, at: now, into: &effects)
            case .asked(let look):
                look(&self, now)
            case .peer(.received(let id, let messages)):
                kernel.step(.heard(id, messages), at: now, into: &effects)
            case .peer(.linkLost(let id)):
                kernel.step(.linkLost(id), at: now, into: &effects)
            case .peer(.linkMade(let id)):
                kernel.step(.linkMade(id), at: now, into: &effects)
            case .peer(.joinerArrived), .peer(.ensembleSeen): break
            case .performed(let event): kernel.step(event, at: now, into: &effects)
            case .failed(let failure): fail(failure)
            case .stop:
                goesOn = false
            }
        }
        if now - lastTick >= tick {
            lastTick = now
            if now >= nextStatisticsTurn {
                nextStatisticsTurn = now + CoordinatorKernel.statisticsWindow
                disk.turn()
                stateCommands.restoreTimes.turn()
            }
            kernel.step(.ticked, at: now, into: &effects)
        }
        if !goesOn { kernel.step(.resigned, at: now, into: &effects) }
        kernel.step(.turnEnded, at: now, into: &effects)
        perform()
        if !awaited.isEmpty { awaited.removeAll { $0.isAnswered(by: kernel) } }
        throttle.finished(requestCount + waitedBefore - kernel.waitingReplyCount)
        idleMemory.turned(requestCount: requestCount, at: now)
        return goesOn
    }

    /// Begins all counts anew.
    mutating func resetStatistics(at now: Instant) {
        kernel.resetServerStatistics(at: now)
        disk = DiskStatistics()
        stateCommands = StateCommandCounts()
    }

    /// Hands the state as it is to an operator, once it is committed.
    mutating func handOut(to answer: Mailbox<TreeState?>) { awaited.append(AwaitedState(kernel, answer)) }

    /// Puts a backup, and what it holds, in the place of all there is; nil, and nothing happens, while a snapshot is
    /// being written.
    mutating func replaceState(by backup: IncomingBackup, _ tree: RestoredTree) -> Result<Void, StorageFailure>? {
        guard !snapshots.isBusy else { return nil }
        append()
        do throws(StorageFailure) {
            try sync.perform { log throws(StorageFailure) in
                try backup.install(tree, replacing: &log)
            }
        } catch {
            return .failure(error)
        }
        kernel.step(.stateReplaced(tree), at: clock.now(), into: &effects)
        return .success(())
    }

    /// Makes everything durable that was appended.
    mutating func end() {
        sync.stop()
        snapshots.stop()
        authentication?.stop()
    }

    private mutating func perform() {
        defer { effects.removeAll(keepingCapacity: effects.capacity <= 65536) }
        guard !hasFailed else { return }
        lastSent = nil
        // Some effects make the kernel go on at once; what it wants then follows.
        var next = 0
        while next < effects.count, !hasFailed {
            let effect = effects[next]
            next += 1
            switch effect {
            case .append(let entry): appended.append(entry)
            case .send(let id, let frame): queue(frame, to: id)
            case .close(let id): end(id, .ended)
            case .reject(let id, let cause): end(id, .badInput(cause))
            case .authenticate(let id, let token):
                // Who went in the same turn has been forgotten there already, and would be remembered for good.
                if clients[id] != nil { authentication?.take(token, from: id) }
            case .takeSnapshot(let state): takeSnapshot(of: state)
            case .report(let news): report(news)
            case .tell(let id, let message): member?.tell(id, message)
            case .connect(let membership): member?.connect(membership)
            case .agreed(let membership): member?.agreed(on: membership)
            case .promise, .truncate, .restore, .receiveSnapshot, .receiveChunk, .loadSnapshot, .installSnapshot,
                .discardSnapshot, .fail:
                do {
                    try performOnDisk(effect)
                } catch {
                    fail(error)
                }
            }
        }
        belong()
        guard !hasFailed else { return }
        append()
        member?.sendAll()
        for id in waiting { flush(id) }
        waiting.removeAll(keepingCapacity: true)
    }

    /// Remembers which ensemble this is, as soon as it is known.
    private mutating func belong() {
        guard let ensemble = kernel.ensembleID else { return }
        do throws(StorageFailure) {
            try member?.belong(to: ensemble)
        } catch {
            fail(error)
        }
    }

    private mutating func fail(_ failure: any Error) {
        guard !hasFailed else { return }
        hasFailed = true
        whenFailed(failure)
    }

    /// Performs what only members of ensembles want of their disk. The thread waits only for what nothing may overtake,
    /// and what is short: heartbeats are to be answered in time.
    private mutating func performOnDisk(_ effect: CoordinatorEffect) throws {
        append()
        let sync = sync
        switch effect {
        case .promise(let promise): try member?.keep(promise)
        case .truncate(let zxid): sync.truncate(after: zxid)
        case .restore(let number, let end): member?.restore(number: number, upTo: end, with: sync)
        case .receiveSnapshot(let zxid): member?.receiveSnapshot(zxid: zxid, with: sync)
        case .receiveChunk(let chunk, let number): member?.arrival?.take(chunk, number: number)
        case .loadSnapshot: member?.arrival?.load()
        case .installSnapshot:
            guard try member?.installSnapshot() == true else { return }
            kernel.step(.snapshotInstalled, at: clock.now(), into: &effects)
        case .discardSnapshot: member?.discardSnapshot()
        case .fail(let cause): throw MemberFailure(description: cause)
        default: preconditionFailure("\(effect) is none of the disk's")
        }
    }

    private mutating func append() {
        guard !appended.isEmpty else { return }
        sync.append(appended)
        appended = LogRun()
    }

    private mutating func queue(_ frame: ByteBuffer, to id: ConnectionID) {
        // Behind its length a watch event's frame has a number of its own.
        if frame.getInteger(at: frame.readerIndex + 4, as: Int32.self) == SpecialXID.watchEvent,
            let connection = clients[id]?.connection, !throttle.hasRoomForEvent(connection)
        {
            return
        }
        if lastSent?.id != id { lastSent = clients.index(forKey: id).map { (id, $0) } }
        guard let index = lastSent?.index else { return }
        if clients.values[index].unsent.append(frame) { waiting.append(id) }
    }

    private mutating func flush(_ id: ConnectionID) {
        guard let pieces = clients[id]?.unsent.take(), !pieces.isEmpty else { return }
        clients[id]?.connection.send(pieces)
    }

    private mutating func end(_ id: ConnectionID, _ reason: CloseReason) {
        flush(id)
        clients[id]?.connection.close(reason)
    }

    /// Writes down the tree as it was a moment ago; the log goes on in a new file. As long as the snapshot before is still
    /// being written, there is none: memory for many is not to be had.
    private mutating func takeSnapshot(of state: TreeState) {
        guard !snapshots.isBusy else { return }
        append()
        sync.roll()
        snapshots.write(state, zxid: state.lastZxid)
    }

    private func report(_ news: CoordinatorNews) {
        switch news {
        case .sessionOpened(let id, let connection, let timeout):
            logger.info("opened session \(id.hexadecimal) of \(peer(connection)), timeout \(timeout) ms")
        case .sessionResumed(let id, let connection):
            logger.info("session \(id.hexadecimal) goes on from \(peer(connection))")
        case .sessionRefused(let id, let connection):
            logger.info(
                "session \(id.hexadecimal), which \(peer(connection)) asks for, has expired or has another password")
        case .sessionExpired(let id, let timeout):
            logger.info("session \(id.hexadecimal) expired, nothing heard for \(timeout) ms")
        case .sessionClosed(let id):
            logger.info("session \(id.hexadecimal) closed by its client")
        case .authenticated(let connection, let identity):
            logger.info("\(peer(connection)) has shown by SASL to be \(identity)")
        case .saslRefused(let connection, let cause):
            logger.warning("\(peer(connection)) failed to authenticate by SASL: \(cause)")
        case .audited(let entry): audit?.write(entry)
        case .unreadableAnswer(let operation, let cause):
            logger.error("the audit log lacks \(operation): the leader's answer to it makes no sense (\(cause))")
        case .authenticationFailed(let connection, let scheme):
            logger.warning("\(peer(connection)) failed to authenticate by scheme \(scheme)")
        case .quotaExceeded(let excess):
            logger.warning("\(excess)")
        case .looking:
            logger.info("looking for a leader; clients are not served")
        case .following(let leader, let epoch):
            logger.info("following member \(leader) in epoch \(epoch)")
        case .leading(let epoch):
            logger.info("leading in epoch \(epoch)")
        case .serving(let role):
            logger.info("serving clients as \(role.name)")
        case .sendingSnapshot(let member, let zxid):
            logger.info("member \(member) lags too far for single changes: sending it the state of \(zxid.hexadecimal)")
        case .treesDiffer(let member, let zxid):
            logger.error(
                """
                the tree differs from that of member \(member) at \(zxid.hexadecimal): one of the two is damaged; \
                compare both with a third, and rebuild the one that stands alone
                """)
        case .quorum(let news): report(news)
        }
    }

    private func report(_ news: QuorumNews) {
        switch news {
        case .campaigning(let epoch):
            logger.info("asking for votes to lead in epoch \(epoch)")
        case .lostQuorum(let epoch):
            logger.warning("too few members answer: no longer leading in epoch \(epoch)")
        case .lostLeader(let leader, let epoch):
            logger.warning("nothing heard of member \(leader), the leader in epoch \(epoch), for too long")
        case .truncated(let zxid, let end):
            logger.warning(
                """
                the leader does not have the changes behind \(zxid.hexadecimal), up to \(end.hexadecimal): they were \
                never acknowledged, and are taken back
                """)
        case .diskLags(let zxid):
            logger.warning(
                """
                this member's disk is far behind the others', who have \(zxid.hexadecimal) already: no longer leading
                """)
        case .caughtUp(let zxid):
            logger.info("caught up with the leader at \(zxid.hexadecimal): voting from now on")
        }
    }

    private func peer(_ id: ConnectionID) -> String { clients[id]?.connection.peerAddress ?? "a client that is gone" }
}

/// Why a member of an ensemble cannot go on, as a sentence.
struct MemberFailure: Error, CustomStringConvertible {
    let description: String
}
