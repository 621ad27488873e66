import Seams
import ZNodes

/// A coordinator's state as one file: a snapshot of all that its directories held, the log's end included.
///
/// It has the form of a snapshot, with a CRC of every chunk and a mark at its end.
package struct Backup {
    /// What is in it.
    package struct Contents: Sendable, Equatable {
        package var zxid: Int64
        /// As Apache ZooKeeper counts: the root twice.
        package var nodeCount: Int
        package var sessionCount: Int
    }

    private let fileSystem: any FileSystem
    private let path: String

    /// - Parameter path: of the file.
    package init(_ fileSystem: any FileSystem, path: String) {
        self.fileSystem = fileSystem
        self.path = path
    }

    /// Writes what the directories hold into the file, which must not be there yet. It is durable on return; until then
    /// it has another name, with `.partial` behind.
    ///
    /// The coordinator may run: what it makes durable meanwhile is in the backup or not. Of a member of an ensemble the
    /// last changes may be some that were never committed.
    package func take(from settings: StorageSettings) throws(StorageFailure) -> Contents {
        try requireAbsence()
        let storage = CoordinatorStorage(fileSystem: RehearsalDisk(of: fileSystem), settings: settings)
        let recovery = try storage.recover { RestoredTree(ZNodesSettings()) }
        let tree = recovery.state.tree
        var writer = try SnapshotWriter(
            fileSystem, directory: directory, zxid: recovery.lastZxid, unfinished: partialPath, finished: path)
        for chunk in tree.hard.snapshotChunks() { try writer.append(chunk) }
        try writer.finish()
        return Contents(zxid: recovery.lastZxid, nodeCount: tree.nodeCount, sessionCount: tree.sessions.count)
    }

    /// Where a backup lies until it is whole.
    package var partialPath: String { path + ".partial" }

    /// Refuses to begin where there is something already.
    package func requireAbsence() throws(StorageFailure) {
        guard try onDisk({ () throws(FileSystemError) in try fileSystem.attributes(path) }) == nil else {
            throw .occupied(path)
        }
    }

    /// Gives what lies at ``partialPath``, come from elsewhere, its name: durable on return. Nothing has been done when
    /// it is no whole backup.
    package func adopt() throws(StorageFailure) -> Contents {
        let zxid = try Self.zxid(fileSystem, partialPath)
        var reader = try SnapshotReader(fileSystem, path: partialPath, zxid: zxid)
        let tree = try reader.load(into: RestoredTree(ZNodesSettings())).tree
        try onDisk { () throws(FileSystemError) in
            try fileSystem.open(partialPath, .readWrite).synchronize()
            try fileSystem.rename(partialPath, to: path)
            try fileSystem.synchronizeDirectory(directory)
        }
        return Contents(zxid: zxid, nodeCount: tree.nodeCount, sessionCount: tree.sessions.count)
    }

    /// Makes a data directory of the file. The directories are made, or are empty; nothing is written before all of the
    /// file has been read and understood.
    package func restore(to settings: StorageSettings) throws(StorageFailure) -> Contents {
        for directory in [settings.snapshotDirectory, settings.logDirectory] {
            let names = try onDisk { () throws(FileSystemError) in
                try fileSystem.attributes(directory) == nil ? [] : try fileSystem.list(directory)
            }
            guard names.isEmpty else { throw .occupied(directory) }
        }
        let zxid = try Self.zxid(fileSystem, path)
        var reader = try SnapshotReader(fileSystem, path: path, zxid: zxid)
        let tree = try reader.load(into: RestoredTree(ZNodesSettings())).tree
        try CoordinatorStorage(fileSystem: fileSystem, settings: settings).prepare()
        var writer = try SnapshotWriter(fileSystem, settings, zxid: zxid)
        for chunk in tree.hard.snapshotChunks() { try writer.append(chunk) }
        try writer.finish()
        return Contents(zxid: zxid, nodeCount: tree.nodeCount, sessionCount: tree.sessions.count)
    }

    private static func zxid(_ fileSystem: any FileSystem, _ path: String) throws(StorageFailure) -> Int64 {
        let zxid = try onDisk { () throws(FileSystemError) in
            try StorageFileHeader.zxid(of: try fileSystem.open(path, .read))
        }
        guard let zxid else { throw .damaged(file: path, position: 0, cause: "it is no backup of a coordinator") }
        return zxid
    }

    private var directory: String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
