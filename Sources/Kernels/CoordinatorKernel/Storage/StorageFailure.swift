import Seams

/// Why the coordinator's files cannot be used. Nothing is skipped to get on: who reads the sentence decides.
package enum StorageFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The machine failed.
    case disk(FileSystemError)
    /// There is no room for what was to be appended. Nothing of it was, and it may be tried again.
    case noRoom(FileSystemError)
    /// Bytes that were once synced are not what was written.
    case damaged(file: String, position: Int, cause: String)
    /// Changes are missing between two files.
    case gap(file: String, from: Int64, expected: Int64)
    /// What a leader sent as its state makes no sense.
    case unusableSnapshot(zxid: Int64, cause: String)
    /// Apache ZooKeeper's log without a snapshot, which it writes at its first start: something has removed it.
    case apacheWithoutSnapshot(String)
    /// Something is where a new file or directory was to be.
    case occupied(String)
    /// The directory is that of a coordinator that belongs to no ensemble.
    case noMember(String)

    package var description: String {
        switch self {
        case .disk(let error), .noRoom(let error): error.description
        case .damaged(let file, let position, let cause):
            "\(file) is damaged at byte \(position): \(cause); restore it from a copy"
        case .gap(let file, let from, let expected):
            "\(file) continues after zxid 0x\(String(from, radix: 16)), "
                + "but what is before it ends at 0x\(String(expected, radix: 16)): a file is missing"
        case .unusableSnapshot(let zxid, let cause):
            "the snapshot of zxid 0x\(String(zxid, radix: 16)) that the leader sent cannot be used: \(cause)"
        case .occupied(let path): "\(path) is there already, and is not overwritten"
        case .noMember(let directory):
            "\(directory) is not of a member of an ensemble: there is nobody to rebuild it from; restore it from a backup"
        case .apacheWithoutSnapshot(let directory):
            "\(directory) holds a transaction log of Apache ZooKeeper and no snapshot that it goes on from; "
                + "if the log is known to be whole, set snapshot.trust.empty=true"
        }
    }
}

/// Runs what touches the disk, so that its failures are failures of the storage.
func onDisk<Value>(_ body: () throws(FileSystemError) -> Value) throws(StorageFailure) -> Value {
    do throws(FileSystemError) {
        return try body()
    } catch {
        throw .disk(error)
    }
}
