import NIOCore
import Records
import Seams

/// Reads the newest state that the files of Apache ZooKeeper hold, and changes nothing of them.
///
/// As ZooKeeper does it at a start: the newest sound snapshot, then the log from its zxid on. Every crash leaves its torn
/// end in the file that was the last one then, and the next start begins another: a file may end torn when the next
/// one goes on where it ends.
struct ApacheRecovery {
    /// The folder in ZooKeeper's directories that holds its files.
    static let folder = "version-2"

    private let fileSystem: any FileSystem
    private let snapshots: String
    private let logs: String
    private let trustsEmptySnapshot: Bool
    /// What an operator should know, as sentences.
    private(set) var warnings: [String] = []

    init(_ fileSystem: any FileSystem, _ settings: StorageSettings) {
        self.fileSystem = fileSystem
        snapshots = "\(settings.snapshotDirectory)/\(Self.folder)"
        logs = "\(settings.logDirectory)/\(Self.folder)"
        trustsEmptySnapshot = settings.trustsEmptySnapshot
    }

    /// nil when there are no files, or none that say anything.
    mutating func read() throws(StorageFailure) -> ApacheTree? {
        let found = try names(in: snapshots)
            .compactMap { name -> (path: String, zxid: Int64, codec: CompressionCodec)? in
                guard case .snapshot(let zxid, let codec) = ApacheFileName(name) else { return nil }
                return ("\(snapshots)/\(name)", zxid, codec)
            }
            .sorted { ($0.zxid, $0.path) > ($1.zxid, $1.path) }
        var damage: StorageFailure?
        for (path, zxid, codec) in found {
            do throws(StorageFailure) {
                var reader = try ApacheSnapshotReader(fileSystem, path: path, codec)
                return try replay(onto: try reader.read(zxid: zxid))
            } catch {
                // ZooKeeper has no other way to tell a snapshot that a crash left unfinished.
                guard case .damaged(path, _, _) = error else { throw error }
                warnings.append("\(error); trying an older snapshot")
                damage = damage ?? error
            }
        }
        if let damage { throw damage }
        let tree = try replay(onto: .empty)
        guard tree.lastZxid > 0 else { return nil }
        guard trustsEmptySnapshot else { throw .apacheWithoutSnapshot(snapshots) }
        warnings.append("\(snapshots) holds no snapshot: taking the log alone, as snapshot.trust.empty says")
        return tree
    }

    /// The highest epoch that the server has promised or followed; 0 where it wrote none (it was no ensemble's).
    func epoch() throws(StorageFailure) -> Int64 {
        var highest: Int64 = 0
        let present = try names(in: snapshots)
        for name in ["acceptedEpoch", "currentEpoch"] where present.contains(name) {
            let path = "\(snapshots)/\(name)"
            let bytes = try onDisk { () throws(FileSystemError) in
                try fileSystem.open(path, .read).bytes(at: 0, count: 32)
            }
            let text = String(decoding: bytes.readableBytesView, as: UTF8.self)
            let digits = text.split(whereSeparator: \.isWhitespace)
            guard digits.count == 1, let epoch = Int64(digits[0]), epoch >= 0 else {
                throw .damaged(file: path, position: 0, cause: "it is no number of an epoch")
            }
            highest = max(highest, epoch)
        }
        return highest
    }

    // MARK: The log

    private mutating func replay(onto snapshot: ApacheTree) throws(StorageFailure) -> ApacheTree {
        var tree = snapshot
        let files = try names(in: logs)
            .compactMap { name -> (path: String, firstZxid: Int64)? in
                guard case .log(let zxid) = ApacheFileName(name) else { return nil }
                return ("\(logs)/\(name)", zxid)
            }
            .sorted { $0.firstZxid < $1.firstZxid }
        // The last file that starts at or below the snapshot's zxid may go on above it.
        let first = files.lastIndex { $0.firstZxid <= snapshot.lastZxid } ?? 0
        for (index, file) in files.enumerated() where index >= first {
            try replay(file.path, isLast: index == files.count - 1, onto: &tree)
        }
        return tree
    }

    private mutating func replay(
        _ path: String, isLast: Bool, onto tree: inout ApacheTree
    ) throws(StorageFailure) {
        var reader = try ApacheLogReader(fileSystem, path: path)
        var isFirst = true
        while let transaction = try reader.next() {
            if isFirst { try checkJoint(path, tree.lastZxid, transaction.zxid) }
            isFirst = false
            if transaction.zxid > tree.lastZxid { tree.apply(transaction) }
        }
        let rest = try reader.whatFollows()
        if rest.holdsEntry { throw reader.damage("sound transactions follow what cannot be read") }
        if rest.isTorn {
            warnings.append(
                "\(path) ends at byte \(reader.position), where a crash tore the last write"
                    + (isLast ? "" : "; the next file goes on from there"))
        }
    }

    /// A file goes on where the one before ends, unless another epoch has begun.
    private func checkJoint(_ path: String, _ last: Int64, _ next: Int64) throws(StorageFailure) {
        guard next >> 32 != last >> 32 || next <= last + 1 else {
            throw .gap(file: path, from: next - 1, expected: last)
        }
    }

    private func names(in directory: String) throws(StorageFailure) -> [String] {
        try onDisk { () throws(FileSystemError) in
            try fileSystem.attributes(directory) == nil ? [] : try fileSystem.list(directory)
        }
    }
}
