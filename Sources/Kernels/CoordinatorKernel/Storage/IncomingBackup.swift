import NIOCore
import Seams

/// A backup that an operator sends to a running coordinator of its own, and that takes the place of all it has.
///
/// As with ``SnapshotReceiver``, an end at any moment leaves either the old state or the new one.
package struct IncomingBackup: Sendable {
    private let storage: CoordinatorStorage
    private let file: any File
    private var position = 0

    /// The zxid is not known before the beginning has come; a start removes the file.
    private static let name = StorageFileName.receivingSnapshot(zxid: 0)

    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings) throws(StorageFailure) {
        let path = "\(settings.snapshotDirectory)/\(Self.name.text)"
        storage = CoordinatorStorage(fileSystem: fileSystem, settings: settings)
        file = try onDisk { () throws(FileSystemError) in
            try fileSystem.remove(path)
            return try fileSystem.open(path, .createNew)
        }
    }

    /// Adds what has come of the file.
    package mutating func append(_ bytes: ByteBuffer) throws(StorageFailure) {
        let (file, position) = (file, position)
        try onDisk { () throws(FileSystemError) in try file.write(bytes, at: position) }
        self.position += bytes.readableBytes
    }

    /// What the whole file holds; it is durable on return. Throws `damaged` when it is no backup.
    package func contents(into empty: RestoredTree) throws(StorageFailure) -> RestoredTree {
        let file = file
        let zxid = try onDisk { () throws(FileSystemError) in
            try file.synchronize()
            return try StorageFileHeader.zxid(of: file)
        }
        guard let zxid else { throw .damaged(file: file.path, position: 0, cause: "it is no backup of a coordinator") }
        var reader = try SnapshotReader(storage.fileSystem, path: file.path, zxid: zxid)
        return try reader.load(into: empty)
    }

    /// Puts the file, which holds this state, in the place of everything the directories hold. `log` goes on after it.
    package func install(_ state: RestoredTree, replacing log: inout TransactionLog) throws(StorageFailure) {
        let zxid = state.state.lastZxid
        try log.restart(after: zxid) { () throws(StorageFailure) in
            try onDisk { () throws(FileSystemError) in
                let directory = storage.settings.snapshotDirectory
                let name = StorageFileName.installingSnapshot(zxid: zxid).text
                try storage.fileSystem.rename(file.path, to: "\(directory)/\(name)")
                try storage.fileSystem.synchronizeDirectory(directory)
            }
            try storage.endInstallation()
        }
    }

    /// Gives up; nothing else has changed.
    package func discard() throws(StorageFailure) {
        try onDisk { () throws(FileSystemError) in try storage.fileSystem.remove(file.path) }
    }
}
