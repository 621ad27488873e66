import CoordinatorKernel
import Logging
import Platform
import Seams
import Synchronization
import ZNodes

/// The thread that writes snapshots and removes the files that a newer one makes superfluous.
///
/// A snapshot that cannot be written is no disaster, for the log holds all; it is logged, and the next one is tried.
final class SnapshotThread: Sendable {
    private enum Message: Sendable {
        case write(SnapshotChunks, zxid: Int64)
        case stop
    }

    /// Snapshots that have been asked for and not yet been written.
    private final class Waiting: Sendable {
        let count = Atomic(0)
    }

    private let mailbox = Mailbox<Message>()
    private let waiting = Waiting()
    private let thread: OwnThread

    /// Starts the thread, which calls `written` after each snapshot with the time that it took.
    ///
    /// - Parameter purgeInterval: how often superfluous files are removed; nil for after each snapshot.
    init(
        _ storage: CoordinatorStorage, fileSystem: any FileSystem, purgeInterval: Duration?, logger: Logger,
        written: @escaping @Sendable (Duration) -> Void
    ) {
        thread = OwnThread(name: "snapshots") { [mailbox, waiting] in
            let clock = SystemClock()
            var nextPurge = clock.now() + (purgeInterval ?? .zero)
            while true {
                var messages = mailbox.take(waitingAtMost: min(purgeInterval ?? .seconds(3600), .seconds(3600)))
                while !messages.isEmpty {
                    // Nobody else may hold the chunks: they let go of what they have given out.
                    guard case .write(let chunks, let zxid) = messages.removeFirst() else { return }
                    let start = clock.now()
                    do throws(StorageFailure) {
                        try Self.write(chunks, zxid: zxid, storage, fileSystem)
                        written(clock.now() - start)
                        logger.info("wrote the snapshot of zxid 0x\(String(zxid, radix: 16))")
                    } catch {
                        logger.error("no snapshot of zxid 0x\(String(zxid, radix: 16)): \(error)")
                    }
                    if purgeInterval == nil { Self.purge(storage, logger) }
                    waiting.count.subtract(1, ordering: .relaxed)
                }
                if let purgeInterval, clock.now() >= nextPurge {
                    nextPurge = clock.now() + purgeInterval
                    Self.purge(storage, logger)
                }
            }
        }
    }

    private static func write(
        _ chunks: consuming SnapshotChunks, zxid: Int64, _ storage: CoordinatorStorage, _ fileSystem: any FileSystem
    ) throws(StorageFailure) {
        var writer = try SnapshotWriter(fileSystem, storage.settings, zxid: zxid)
        while let chunk = chunks.next() { try writer.append(chunk) }
        try writer.finish()
    }

    private static func purge(_ storage: CoordinatorStorage, _ logger: Logger) {
        do throws(StorageFailure) {
            try storage.purge()
        } catch {
            logger.error("cannot remove old snapshots and logs: \(error)")
        }
    }

    /// Whether a snapshot is being written or waits for it.
    var isBusy: Bool { waiting.count.load(ordering: .relaxed) > 0 }

    func write(_ state: TreeState, zxid: Int64) {
        waiting.count.add(1, ordering: .relaxed)
        mailbox.post(.write(state.snapshotChunks(), zxid: zxid))
    }

    /// Returns when the snapshots queued before are written.
    func stop() {
        mailbox.post(.stop)
        thread.join()
    }
}
