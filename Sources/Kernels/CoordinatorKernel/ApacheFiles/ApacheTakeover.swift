import Quorum
import Seams
import ZNodes

/// Takes over what Apache ZooKeeper has left in the directories that we are given.
///
/// Its files stay as they are. Ours come to be in this order, each durable before the next: which sessions were taken
/// over, what was promised to the ensemble, the snapshot. The snapshot's final name ends it: as long as there is none
/// everything is done again from the start, and once there is one nothing is.
struct ApacheTakeover {
    private let fileSystem: any FileSystem
    private let settings: StorageSettings

    init(_ fileSystem: any FileSystem, _ settings: StorageSettings) {
        self.fileSystem = fileSystem
        self.settings = settings
    }

    /// Does nothing where there is nothing of Apache ZooKeeper's, or anything of our own; and nothing for a member that
    /// rebuilds: what it lost came after.
    ///
    /// - Returns: what an operator should know, as sentences.
    func perform() throws(StorageFailure) -> [String] {
        guard try hasApacheFiles(), try !hasOwnFiles() else { return [] }
        let promises = PromiseFile(fileSystem, settings)
        var contents = try promises.read()
        guard contents.promise.standing != .rebuilding else { return [] }
        var recovery = ApacheRecovery(fileSystem, settings)
        let epoch = try recovery.epoch()
        guard var tree = try recovery.read() else { return [] }
        let abandoned = tree.removeAbandoned()
        let (state, leftOutCount) = try state(of: tree)
        let sessions = tree.sessions.keys.sorted()
        try TakeoverFile(fileSystem, settings).write(.init(zxid: tree.lastZxid, epoch: epoch, sessions: sessions))
        if let accepted = Int32(exactly: epoch), accepted > contents.promise.epoch {
            // The member has all that it ever acknowledged.
            contents.promise = QuorumPromise(epoch: accepted, standing: .voting)
            try promises.write(contents)
        }
        try write(state, zxid: tree.lastZxid)
        var notes = recovery.warnings
        if !abandoned.isEmpty {
            notes.append("left out ephemeral nodes of sessions that are over: \(abandoned.joined(separator: ", "))")
        }
        if leftOutCount > 0 { notes.append("left out \(leftOutCount) nodes that hang below no other") }
        notes.append(
            "took over Apache ZooKeeper's \(settings.snapshotDirectory)/\(ApacheRecovery.folder): zxid "
                + "0x\(String(tree.lastZxid, radix: 16)), epoch \(epoch), \(sessions.count) sessions; its files stay "
                + "as they are, and are not looked at again")
        return notes
    }

    private func state(of tree: ApacheTree) throws(StorageFailure) -> (TreeState, leftOutCount: Int) {
        do throws(ApacheTree.Inconsistency) {
            return try tree.state()
        } catch {
            throw .damaged(
                file: "\(settings.snapshotDirectory)/\(ApacheRecovery.folder)", position: 0, cause: error.cause)
        }
    }

    private func write(_ state: TreeState, zxid: Int64) throws(StorageFailure) {
        var writer = try SnapshotWriter(fileSystem, settings, zxid: zxid)
        for chunk in state.snapshotChunks() { try writer.append(chunk) }
        try writer.finish()
    }

    private func hasApacheFiles() throws(StorageFailure) -> Bool {
        for directory in [settings.snapshotDirectory, settings.logDirectory] {
            let names = try onDisk { () throws(FileSystemError) in try fileSystem.list(directory) }
            if names.contains(ApacheRecovery.folder) { return true }
        }
        return false
    }

    private func hasOwnFiles() throws(StorageFailure) -> Bool {
        for directory in [settings.snapshotDirectory, settings.logDirectory] {
            let names = try onDisk { () throws(FileSystemError) in try fileSystem.list(directory) }
            if names.contains(where: { StorageFileName($0).map { !$0.isUnfinished } ?? false }) { return true }
        }
        return false
    }
}
