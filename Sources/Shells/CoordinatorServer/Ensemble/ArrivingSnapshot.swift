import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Seams
import Synchronization
import ZNodes

/// A leader's state on its way to this member, in the hands of the sync thread, so that the kernel's thread waits neither
/// for the disk nor for a million nodes.
///
/// Calls take effect in their order. A disk without room ends it: the kernel is told, and the leader tries again.
final class ArrivingSnapshot: Sendable {
    private let zxid: Int64
    private let tree: ZNodesSettings
    private let sync: SyncThread
    private let logger: Logger
    private let tell: @Sendable (CoordinatorEvent) -> Void
    /// For the sync thread alone. nil before it has begun and after it has ended.
    private let receiver = Mutex<SnapshotReceiver?>(nil)

    /// - Parameter zxid: of the last change that the snapshot holds.
    init(
        zxid: Int64, _ settings: StorageSettings, tree: ZNodesSettings, sync: SyncThread, logger: Logger,
        tell: @escaping @Sendable (CoordinatorEvent) -> Void
    ) {
        self.zxid = zxid
        self.tree = tree
        self.sync = sync
        self.logger = logger
        self.tell = tell
        perform { receiver throws(StorageFailure) in
            receiver = try SnapshotReceiver(PosixFileSystem(), settings, zxid: zxid)
        }
    }

    func take(_ chunk: ByteBuffer, number: Int) {
        perform { [zxid, tell] receiver throws(StorageFailure) in
            guard receiver != nil else { return }
            try receiver?.append(chunk)
            tell(.chunkTaken(zxid: zxid, number: number))
        }
    }

    /// Makes the tree of it, once all has been taken.
    func load() {
        perform { [tree, tell] receiver throws(StorageFailure) in
            guard let loaded = try receiver?.load(into: RestoredTree(tree)) else { return }
            tell(.snapshotLoaded(loaded))
        }
    }

    func discard() {
        perform { receiver throws(StorageFailure) in
            try receiver?.discard()
            receiver = nil
        }
    }

    /// Puts it, when it has been loaded, in the place of everything on the disk. What has not been written to the log yet
    /// is void. Waits for it; false when there is nothing.
    func install() throws(StorageFailure) -> Bool {
        try sync.perform { [self] log throws(StorageFailure) in
            guard let loaded = receiver.withLock({ $0 }) else { return false }
            receiver.withLock { $0 = nil }
            try loaded.install(replacing: &log)
            return true
        }
    }

    /// Does something on the sync thread, whatever becomes of the log's entries meanwhile.
    private func perform(
        _ work: @escaping @Sendable (inout SnapshotReceiver?) throws(StorageFailure) -> Void
    ) {
        sync.perform(.besideEntries) { [self] _ throws(StorageFailure) in
            do throws(StorageFailure) {
                try receiver.withLock { receiver throws(StorageFailure) in try work(&receiver) }
            } catch {
                guard case .disk(let fault) = error, fault.isLackOfRoom else { throw error }
                receiver.withLock { $0 = nil }
                logger.error("no room for the leader's state: \(error)")
                tell(.snapshotGivenUp(zxid: zxid))
            }
        }
    }
}
