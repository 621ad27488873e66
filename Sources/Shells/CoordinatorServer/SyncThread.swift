import CoordinatorKernel
import Logging
import Platform
import Seams

/// The thread that makes changes durable: it takes all that is queued, writes and syncs it at once, and says so.
///
/// Nothing is appended after a failure: what a failed sync left behind is unknown. While the disk has no room, changes
/// wait, and room is looked for again and again.
final class SyncThread: Sendable {
    fileprivate enum Message: Sendable {
        case append(LogRun)
        case roll
        /// What was appended above this zxid is void.
        case truncate(after: Int64)
        case perform(Errand)
        case stop
    }

    /// When an errand is done, among the entries that were appended before.
    enum Moment: Sendable {
        /// Once they are durable, however long they wait for room.
        case afterEntries
        /// At once: it is none of the log's business.
        case besideEntries
        /// At once: those that have not been written are void.
        case insteadOfEntries
    }

    /// Something else to do on this thread.
    fileprivate struct Errand: Sendable {
        var moment: Moment
        var run: @Sendable (inout TransactionLog) throws(StorageFailure) -> Void
        var refuse: @Sendable (StorageFailure) -> Void
    }

    /// Changes that were made durable together.
    struct Batch: Sendable {
        /// Of the last of them.
        var zxid: Int64
        var count: Int
        var took: Duration
        /// Whether that is longer than it should.
        var isSlow: Bool
        /// Truncations, and errands that voided entries, that were performed before.
        var truncationCount: Int
    }

    private let mailbox = Mailbox<Message>()
    private let thread: OwnThread

    /// Starts the thread; it calls `synced`, `roomChanged` whenever the disk has no room any more or has room again, and,
    /// at most once, `failed`.
    init(
        _ log: TransactionLog, slowSync: Duration, logger: Logger, synced: @escaping @Sendable (Batch) -> Void,
        roomChanged: @escaping @Sendable (_ hasRoom: Bool) -> Void, failed: @escaping @Sendable (StorageFailure) -> Void
    ) {
        let mailbox = mailbox
        thread = OwnThread(name: "sync") {
            var loop = SyncLoop(log: log, slowSync: slowSync, logger: logger, synced: synced, roomChanged: roomChanged)
            do throws(StorageFailure) {
                try loop.begin()
                while try loop.turn(mailbox) {}
                try loop.end()
            } catch {
                failed(error)
                Self.refuse(mailbox, error)
            }
        }
    }

    /// Lets nobody wait for a thread that has failed; returns when told to stop.
    private static func refuse(_ mailbox: Mailbox<Message>, _ failure: StorageFailure) {
        while true {
            for message in mailbox.take(waitingAtMost: .seconds(3600)) {
                switch message {
                case .append, .roll, .truncate: break
                case .perform(let errand): errand.refuse(failure)
                case .stop: return
                }
            }
        }
    }

    func truncate(after zxid: Int64) { mailbox.post(.truncate(after: zxid)) }

    /// Does something on this thread; a failure ends it.
    func perform(
        _ moment: Moment, _ work: @escaping @Sendable (inout TransactionLog) throws(StorageFailure) -> Void
    ) {
        mailbox.post(.perform(Errand(moment: moment, run: work, refuse: { _ in })))
    }

    /// Does something with the log instead of the entries that have not been written, and waits for it.
    func perform<Value: Sendable>(
        _ work: @escaping @Sendable (inout TransactionLog) throws(StorageFailure) -> Value
    ) throws(StorageFailure) -> Value {
        let answer = Mailbox<Result<Value, StorageFailure>>()
        let errand = Errand(
            moment: .insteadOfEntries,
            run: { log throws(StorageFailure) in
                do throws(StorageFailure) {
                    answer.post(.success(try work(&log)))
                } catch {
                    answer.post(.failure(error))
                    throw error
                }
            },
            refuse: { answer.post(.failure($0)) })
        mailbox.post(.perform(errand))
        while true {
            if let result = answer.take(waitingAtMost: .seconds(3600)).first { return try result.get() }
        }
    }

    func append(_ run: LogRun) { mailbox.post(.append(run)) }

    /// Lets what is appended from now on go to a new file.
    func roll() { mailbox.post(.roll) }

    /// Returns when all that was queued before is durable, has failed, or has found no room.
    func stop() {
        mailbox.post(.stop)
        thread.join()
    }
}

/// What the thread does, turn by turn.
private struct SyncLoop {
    /// More is not written at once, to bound memory.
    private static let largestBatchInBytes = 16 << 20
    /// How long to wait before the disk is asked for room again.
    private static let patience = Duration.seconds(1)

    private var log: TransactionLog
    private let slowSync: Duration
    private let logger: Logger
    private let synced: (SyncThread.Batch) -> Void
    private let roomChanged: (Bool) -> Void
    private let clock = SystemClock()
    /// To be made durable.
    private var waiting = LogRun()
    /// Errands that wait for entries to become durable, which wait for room.
    private var postponed: [SyncThread.Errand] = []
    /// Truncations, and errands that voided entries.
    private var truncationCount = 0
    /// The disk had no room for what waits.
    private var isStuck = false
    /// As it was said last.
    private var hasRoom = true
    private var lastLook: Instant

    init(
        log: TransactionLog, slowSync: Duration, logger: Logger, synced: @escaping (SyncThread.Batch) -> Void,
        roomChanged: @escaping (Bool) -> Void
    ) {
        self.log = log
        self.slowSync = slowSync
        self.logger = logger
        self.synced = synced
        self.roomChanged = roomChanged
        lastLook = clock.now()
    }

    /// On a disk that is full from the start no change may be accepted.
    mutating func begin() throws(StorageFailure) {
        try log.lookForRoom()
        sayRoom()
    }

    /// Does what is queued; false when told to stop.
    mutating func turn(_ mailbox: Mailbox<SyncThread.Message>) throws(StorageFailure) -> Bool {
        var goesOn = true
        for message in mailbox.take(waitingAtMost: hasRoom ? .seconds(3600) : Self.patience) {
            switch message {
            case .append(let run):
                waiting.append(run)
                if waiting.sizeInBytes >= Self.largestBatchInBytes { try flush() }
            case .roll:
                try flush()
                log.roll()
            case .truncate(let zxid):
                waiting.truncate(after: zxid)
                try flush()
                if log.lastZxid > zxid { try log.truncate(after: zxid) }
                truncationCount += 1
            case .perform(let errand): try perform(errand)
            case .stop: goesOn = false
            }
        }
        if !hasRoom && (clock.now() - lastLook >= Self.patience || !goesOn) {
            lastLook = clock.now()
            try log.lookForRoom()
            isStuck = false
        }
        try flush()
        if waiting.isEmpty { try performPostponed() }
        sayRoom()
        return goesOn
    }

    private mutating func perform(_ errand: SyncThread.Errand) throws(StorageFailure) {
        switch errand.moment {
        case .besideEntries: break
        case .insteadOfEntries:
            waiting = LogRun()
            isStuck = false
            truncationCount += 1
        case .afterEntries:
            try flush()
            guard waiting.isEmpty else { return postponed.append(errand) }
        }
        try errand.run(&log)
    }

    private mutating func performPostponed() throws(StorageFailure) {
        defer { postponed = [] }
        for errand in postponed { try errand.run(&log) }
    }

    mutating func end() throws(StorageFailure) {
        if !waiting.isEmpty {
            let zxid = "0x\(String(waiting.lastZxid, radix: 16))"
            logger.error("no room for \(waiting.count) changes up to zxid \(zxid), which nobody was told of")
        }
        try log.close()
    }

    /// Makes durable what waits, as far as the disk has room.
    private mutating func flush() throws(StorageFailure) {
        while !waiting.isEmpty && !isStuck {
            let batch = waiting.takePrefix(ofAtMost: Self.largestBatchInBytes)
            let start = clock.now()
            do throws(StorageFailure) {
                try log.append(batch)
            } catch {
                guard case .noRoom = error else { throw error }
                isStuck = true
                var rest = batch
                rest.append(waiting)
                waiting = rest
                return
            }
            let took = clock.now() - start
            let isSlow = took > slowSync
            if isSlow { logger.warning("making \(batch.count) changes durable took \(took): a slow disk") }
            synced(
                SyncThread.Batch(
                    zxid: batch.lastZxid, count: batch.count, took: took, isSlow: isSlow,
                    truncationCount: truncationCount))
        }
    }

    private mutating func sayRoom() {
        guard log.isShortOfRoom == hasRoom else { return }
        hasRoom = !log.isShortOfRoom
        if hasRoom {
            logger.info("the disk has room again: changes are accepted")
        } else {
            logger.error("the disk has no room for more changes: they are refused until it has")
        }
        roomChanged(hasRoom)
    }
}
