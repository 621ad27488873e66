import NIOCore
import ZooKeeperProtocol

/// A node as another server's files have it.
package struct ImportedNode {
    /// What ends it besides `delete`.
    package enum Lifetime {
        case persistent
        case ephemeral(Int64)
        case container
        /// In milliseconds.
        case ttl(Int64)
    }

    let data: ByteBuffer?
    private(set) var node: ZNode

    /// - Parameter stat: with `cversion` counting the children that were ever created, as Apache ZooKeeper keeps it;
    ///   owner and numbers of bytes and children are not looked at.
    package init(data: ByteBuffer?, acl: [ACL], stat: Stat, childCount: Int32, lifetime: Lifetime) {
        let kept: ZNode.Lifetime =
            switch lifetime {
            case .persistent: .persistent
            case .ephemeral(let session): .ephemeral(session)
            case .container: .container
            case .ttl(let milliseconds): .ttl(milliseconds)
            }
        self.data = data
        node = ZNode(dataLength: data?.readableBytes, acl: acl, lifetime: kept, zxid: stat.czxid, time: stat.ctime)
        node.mzxid = stat.mzxid
        node.pzxid = stat.pzxid
        node.mtime = stat.mtime
        node.version = stat.version
        node.aversion = stat.aversion
        node.createdChildCount = stat.cversion
        node.childCount = childCount
    }
}

/// Builds the lasting state from what was read of another server's files.
package struct TreeImport {
    private var state: TreeState
    private var isValid = true
    /// Nodes that tell the use of a quota. Apache ZooKeeper counts it anew at every start.
    private var accounts: [(stats: String, measured: String)] = []

    package init(lastZxid: Int64) { state = TreeState(lastZxid: lastZxid) }

    package mutating func add(session: Int64, timeoutInMilliseconds: Int32) {
        state.insert(session: session, timeoutInMilliseconds: timeoutInMilliseconds)
    }

    /// Adds a node, in any order.
    package mutating func add(_ imported: ImportedNode, at path: String) {
        guard NodePath.isValid(path) else { return isValid = false }
        state.restore(imported.node, data: imported.data, at: path)
        if let measured = QuotaPath.measured(by: path) { accounts.append((path, measured)) }
    }

    /// The state; nil when the nodes make no tree, or have names that no node can have.
    package mutating func finish() -> TreeState? {
        guard isValid, state.link() else { return nil }
        for (stats, measured) in accounts { state.measure(measured, into: stats) }
        return state
    }
}
