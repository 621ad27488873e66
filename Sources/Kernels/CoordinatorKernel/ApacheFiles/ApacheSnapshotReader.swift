import NIOCore
import Records
import Seams
import ZooKeeperProtocol

/// Reads a snapshot of Apache ZooKeeper 3.4 to 3.9: plain, or compressed as its name says.
///
/// Header, sessions, access lists, nodes from the root down, a seal with the checksum of all that; then, as releases
/// added them, the tree's digest and the last zxid, each sealed in the same way. The tree was written while it
/// changed: it becomes one state only by the changes of the log from the snapshot's zxid on.
struct ApacheSnapshotReader {
    private static let magic: Int32 = 0x5a4b_534e
    private static let version: Int32 = 2
    /// The number of the list that lets everybody do everything.
    private static let openACL: Int64 = -1
    /// A last zxid with its seal, which is shorter than any digest with its own.
    private static let lastZxidSize = 21

    private var input: ApacheSnapshotInput
    private var acls: [Int64: [ACL]] = [openACL: ACL.open]

    init(_ fileSystem: any FileSystem, path: String, _ codec: CompressionCodec) throws(StorageFailure) {
        input = try ApacheSnapshotInput(fileSystem, path: path, codec)
    }

    /// The whole snapshot; whatever is wrong with it is damage.
    mutating func read(zxid: Int64) throws(StorageFailure) -> ApacheTree {
        guard try input.int32() == Self.magic, try input.int32() == Self.version else {
            throw input.damage("it does not start as ZooKeeper's snapshots do")
        }
        _ = try input.int64()
        var tree = ApacheTree(lastZxid: zxid)
        for _ in 0..<(try count()) {
            let session = try input.int64()
            tree.sessions[session] = try input.int32()
        }
        for _ in 0..<(try count()) {
            let number = try input.int64()
            acls[number] = try input.acl()
        }
        try readNodes(into: &tree)
        try input.checkSeal()
        try checkTail()
        return tree
    }

    private mutating func readNodes(into tree: inout ApacheTree) throws(StorageFailure) {
        while true {
            let path = try input.string()
            if path == "/" { return }
            let data = try input.bytes()
            let acl = try input.int64()
            let node = ApacheTree.Node(data: data, acl: acls[acl], stat: try stat())
            // The root has no name.
            guard tree.insert(node, at: path.isEmpty ? "/" : path) else {
                throw input.damage("the node \(path) comes before the one above it")
            }
        }
    }

    private mutating func stat() throws(StorageFailure) -> Stat {
        var stat = Stat()
        stat.czxid = try input.int64()
        stat.mzxid = try input.int64()
        stat.ctime = try input.int64()
        stat.mtime = try input.int64()
        stat.version = try input.int32()
        stat.cversion = try input.int32()
        stat.aversion = try input.int32()
        stat.ephemeralOwner = try input.int64()
        stat.pzxid = try input.int64()
        return stat
    }

    /// What stands there is not needed (the digest is of a tree that was changing), but it has to be sound.
    private mutating func checkTail() throws(StorageFailure) {
        if try input.remaining(upTo: Self.lastZxidSize + 1) > Self.lastZxidSize {
            _ = try input.int64()
            // Before version 2 a digest was text.
            if try input.int32() < 2 { _ = try input.string() } else { _ = try input.int64() }
            try input.checkSeal()
        }
        guard try input.remaining(upTo: 1) > 0 else { return }
        _ = try input.int64()
        try input.checkSeal()
    }

    private mutating func count() throws(StorageFailure) -> Int32 {
        let count = try input.int32()
        guard count >= 0 else { throw input.damage("a negative number of items") }
        return count
    }
}
