import NIOCore
import Seams

/// A snapshot that a leader sends to a member that is too far behind, and that takes the place of all the member has.
///
/// It arrives in a file of its own, which the next start removes. Once it is complete, durable and understood, it gets
/// a name by which every start takes it for the only truth: what is left of the old log and snapshots is removed, then
/// it becomes an ordinary snapshot. So an end at any moment leaves either the old state or the new one.
package struct SnapshotReceiver {
    private let storage: CoordinatorStorage
    private let zxid: Int64
    private var writer: SnapshotWriter

    /// - Parameter zxid: of the last change that the snapshot holds.
    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings, zxid: Int64) throws(StorageFailure) {
        storage = CoordinatorStorage(fileSystem: fileSystem, settings: settings)
        self.zxid = zxid
        writer = try SnapshotWriter(
            fileSystem, settings, zxid: zxid, unfinished: .receivingSnapshot(zxid: zxid),
            finished: .installingSnapshot(zxid: zxid))
    }

    /// Takes the next chunk as the leader made it. After a failure there is nothing left to discard.
    package mutating func append(_ chunk: ByteBuffer) throws(StorageFailure) {
        guard chunk.readableBytes > 0 else { return }
        try writer.append(chunk)
    }

    /// Makes all chunks durable and builds the state from them. Nothing else has changed, and nothing but
    /// ``install(replacing:)`` or ``discard()`` may follow.
    ///
    /// - Throws: `unusableSnapshot` when the chunks do not make a state. After any failure nothing of the snapshot is
    ///   left.
    package func load<State: Restorable>(into empty: State) throws(StorageFailure) -> State {
        try writer.complete()
        do throws(StorageFailure) {
            var reader = try SnapshotReader(
                storage.fileSystem, in: storage.settings.snapshotDirectory, .receivingSnapshot(zxid: zxid), zxid: zxid)
            return try reader.load(into: empty)
        } catch {
            try writer.discard()
            guard case .damaged(_, _, let cause) = error else { throw error }
            throw .unusableSnapshot(zxid: zxid, cause: cause)
        }
    }

    /// Puts the snapshot, which has been loaded, in the place of everything the directories hold. `log` goes on after it.
    /// Snapshots and purges of this process must not be under way.
    ///
    /// - Throws: when `log` has failed. It is up to the next start then to find the old state or the new one.
    package func install(replacing log: inout TransactionLog) throws(StorageFailure) {
        try log.restart(after: zxid) { () throws(StorageFailure) in
            try writer.rename()
            try storage.endInstallation()
        }
    }

    /// Gives up, as when the leader is gone; nothing else has changed.
    package func discard() throws(StorageFailure) { try writer.discard() }
}

extension CoordinatorStorage {
    /// Lets a snapshot that is being installed, if any, take the place of all else.
    func endInstallation() throws(StorageFailure) {
        for case .installingSnapshot(let zxid) in try snapshotFileNames() {
            try onDisk { () throws(FileSystemError) in
                for firstZxid in try log.firstZxids() { try log.remove(firstZxid) }
            }
            for name in try snapshotFileNames() where name != .installingSnapshot(zxid: zxid) {
                try removeSnapshotFile(name)
            }
            try onDisk { () throws(FileSystemError) in
                let directory = settings.snapshotDirectory
                try fileSystem.rename(
                    "\(directory)/\(StorageFileName.installingSnapshot(zxid: zxid).text)",
                    to: "\(directory)/\(StorageFileName.snapshot(zxid: zxid).text)")
                try fileSystem.synchronizeDirectory(directory)
            }
        }
    }
}
