import CoordinatorKernel
import Logging
import Platform
import Seams

/// The thread that makes changes durable: it takes all that is queued, writes and syncs it at once, and says so.
///
/// Nothing is appended after a failure: what a failed sync left behind is unknown.
final class SyncThread: Sendable {
    private enum Message: Sendable {
        case append([LogEntry])
        case roll
        case stop
    }

    /// More is not written at once, to bound memory.
    private static let largestBatchInBytes = 16 << 20
    static let slow = Duration.seconds(1)

    /// Changes that were made durable together.
    struct Batch: Sendable {
        /// Of the last of them.
        var zxid: Int64
        var count: Int
        var took: Duration
    }

    private let mailbox = Mailbox<Message>()
    private let thread: OwnThread

    /// Starts the thread; it calls `synced` and, at most once, `failed`.
    init(
        _ log: TransactionLog, logger: Logger, synced: @escaping @Sendable (Batch) -> Void,
        failed: @escaping @Sendable (StorageFailure) -> Void
    ) {
        let mailbox = mailbox
        thread = OwnThread(name: "sync") {
            var log = log
            do throws(StorageFailure) {
                while try Self.work(mailbox, &log, logger, synced) {}
                try log.roll()
            } catch {
                failed(error)
            }
        }
    }

    func append(_ entries: [LogEntry]) { mailbox.post(.append(entries)) }

    /// Lets what is appended from now on go to a new file.
    func roll() { mailbox.post(.roll) }

    /// Returns when all that was queued before is durable, or has failed.
    func stop() {
        mailbox.post(.stop)
        thread.join()
    }

    /// Does what is queued; false when told to stop.
    private static func work(
        _ mailbox: Mailbox<Message>, _ log: inout TransactionLog, _ logger: Logger, _ synced: (Batch) -> Void
    ) throws(StorageFailure) -> Bool {
        var entries: [LogEntry] = []
        var size = 0
        func flush() throws(StorageFailure) {
            guard let last = entries.last else { return }
            let start = SystemClock().now()
            try log.append(entries)
            let took = SystemClock().now() - start
            if took > slow { logger.warning("making \(entries.count) changes durable took \(took): a slow disk") }
            synced(Batch(zxid: last.zxid, count: entries.count, took: took))
            entries.removeAll(keepingCapacity: true)
            size = 0
        }
        for message in mailbox.take(waitingAtMost: .seconds(3600)) {
            switch message {
            case .append(let more):
                entries += more
                size += more.reduce(0) { $0 + $1.record.readableBytes }
                if size >= largestBatchInBytes { try flush() }
            case .roll:
                try flush()
                try log.roll()
            case .stop:
                try flush()
                return false
            }
        }
        try flush()
        return true
    }
}
