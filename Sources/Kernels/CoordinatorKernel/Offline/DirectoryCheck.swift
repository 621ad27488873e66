import Seams
import ZNodes

/// What the files of a coordinator that does not run are worth: each by itself, and what a start would make of them.
/// Nothing is changed.
package struct DirectoryCheck: Sendable {
    package struct Finding: Sendable, Equatable {
        package var path: String
        /// What is in it, or what is wrong with it.
        package var text: String
        package var isSound: Bool
    }

    /// By path.
    package private(set) var findings: [Finding] = []
    /// What a start would come to, or why it would refuse.
    package private(set) var outcome: Result<Outcome, StorageFailure>

    package struct Outcome: Sendable, Equatable {
        /// nil for none.
        package var snapshotZxid: Int64?
        package var lastZxid: Int64
        package var replayedCount: Int
        /// As Apache ZooKeeper counts: the root twice.
        package var nodeCount: Int
        package var sessionCount: Int
        package var warnings: [String]
    }

    /// Whether every file is as it was written and a start would find all of it.
    package var isSound: Bool {
        guard case .success = outcome else { return false }
        return findings.allSatisfy(\.isSound)
    }

    /// - Throws: when the disk fails, or a directory is not there.
    package init(_ fileSystem: any FileSystem, _ settings: StorageSettings) throws(StorageFailure) {
        let disk = RehearsalDisk(of: fileSystem)
        outcome = .success(Outcome(lastZxid: 0, replayedCount: 0, nodeCount: 0, sessionCount: 0, warnings: []))
        for directory in Set([settings.snapshotDirectory, settings.logDirectory]).sorted() {
            for name in try onDisk({ () throws(FileSystemError) in try disk.list(directory) }) {
                guard let kind = StorageFileName(name) else { continue }
                findings.append(try Self.finding(kind, "\(directory)/\(name)", on: disk))
            }
        }
        outcome = try Self.rehearse(disk, settings)
    }

    private static func finding(
        _ name: StorageFileName, _ path: String, on disk: RehearsalDisk
    ) throws(StorageFailure) -> Finding {
        do throws(StorageFailure) {
            switch name {
            case .log(let zxid): return try log(firstZxid: zxid, path, on: disk)
            case .snapshot(let zxid), .installingSnapshot(let zxid):
                var reader = try SnapshotReader(disk, path: path, zxid: zxid)
                let tree = try reader.load(into: RestoredTree(ZNodesSettings())).tree
                let text = "\(tree.nodeCount) nodes, \(tree.sessions.count) sessions, zxid \(hexadecimal(zxid))"
                return Finding(path: path, text: text, isSound: true)
            case .partialSnapshot, .receivingSnapshot:
                return Finding(
                    path: path, text: "a snapshot that is not finished, or superfluous; a start removes it",
                    isSound: true)
            }
        } catch {
            guard case .damaged(_, let position, let cause) = error else { throw error }
            return Finding(path: path, text: "damaged at byte \(position): \(cause)", isSound: false)
        }
    }

    private static func log(
        firstZxid: Int64, _ path: String, on disk: RehearsalDisk
    ) throws(StorageFailure) -> Finding {
        let file = try onDisk { () throws(FileSystemError) in try disk.open(path, .read) }
        var reader = try onDisk { () throws(FileSystemError) in try LogFileReader(file, firstZxid: firstZxid) }
        let fault = try onDisk { () throws(FileSystemError) in
            try StorageFileHeader.fault(of: file, .log, zxid: firstZxid)
        }
        if let fault {
            guard try reader.whatFollows().holdsBatch else {
                return Finding(path: path, text: "never written to; a start removes it", isSound: true)
            }
            return Finding(path: path, text: "damaged at byte 0: \(fault)", isSound: false)
        }
        var (batches, changes) = (0, 0)
        while let (_, entries) = try reader.next() {
            batches += 1
            changes += entries.count
        }
        let rest = try reader.whatFollows()
        let text =
            "\(changes) changes in \(batches) batches, zxid \(hexadecimal(firstZxid)) to \(hexadecimal(reader.lastZxid))"
        if rest.holdsBatch { throw reader.damage("sound changes follow what cannot be read") }
        return Finding(
            path: path, text: rest.isTorn ? "\(text); torn at byte \(reader.position), as by a crash" : text,
            isSound: true)
    }

    private static func rehearse(
        _ disk: RehearsalDisk, _ settings: StorageSettings
    ) throws(StorageFailure) -> Result<Outcome, StorageFailure> {
        do throws(StorageFailure) {
            let storage = CoordinatorStorage(fileSystem: disk, settings: settings)
            let recovery = try storage.recover { RestoredTree(ZNodesSettings()) }
            let tree = recovery.state.tree
            return .success(
                Outcome(
                    snapshotZxid: recovery.snapshotZxid, lastZxid: recovery.lastZxid,
                    replayedCount: recovery.replayedCount, nodeCount: tree.nodeCount,
                    sessionCount: tree.sessions.count, warnings: recovery.warnings))
        } catch {
            if case .disk = error { throw error }
            return .failure(error)
        }
    }

    private static func hexadecimal(_ zxid: Int64) -> String { "0x" + String(zxid, radix: 16) }
}
