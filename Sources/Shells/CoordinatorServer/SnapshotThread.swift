import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Seams

/// The thread that writes snapshots and removes the files that a newer one makes superfluous.
///
/// A snapshot that cannot be written is no disaster, for the log holds all; it is logged, and the next one is tried.
final class SnapshotThread: Sendable {
    private enum Message: Sendable {
        case write([ByteBuffer], zxid: Int64)
        case stop
    }

    private let mailbox = Mailbox<Message>()
    private let thread: OwnThread

    init(_ storage: CoordinatorStorage, fileSystem: any FileSystem, logger: Logger) {
        let mailbox = mailbox
        thread = OwnThread(name: "snapshots") {
            while true {
                for message in mailbox.take(waitingAtMost: .seconds(3600)) {
                    guard case .write(let chunks, let zxid) = message else { return }
                    do throws(StorageFailure) {
                        try Self.write(chunks, zxid: zxid, storage, fileSystem)
                        logger.info("wrote the snapshot of zxid 0x\(String(zxid, radix: 16))")
                    } catch {
                        logger.error("no snapshot of zxid 0x\(String(zxid, radix: 16)): \(error)")
                    }
                }
            }
        }
    }

    private static func write(
        _ chunks: [ByteBuffer], zxid: Int64, _ storage: CoordinatorStorage, _ fileSystem: any FileSystem
    ) throws(StorageFailure) {
        var writer = try SnapshotWriter(fileSystem, storage.settings, zxid: zxid)
        for chunk in chunks { try writer.append(chunk) }
        try writer.finish()
        try storage.purge()
    }

    func write(_ chunks: [ByteBuffer], zxid: Int64) { mailbox.post(.write(chunks, zxid: zxid)) }

    /// Returns when the snapshots queued before are written.
    func stop() {
        mailbox.post(.stop)
        thread.join()
    }
}
