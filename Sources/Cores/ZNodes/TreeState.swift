import NIOCore
import ZooKeeperProtocol

/// The lasting state: what the replay of all records gives.
package struct TreeState: Sendable, Equatable {
    private(set) var nodes = NodeTable()
    /// Granted timeouts in milliseconds.
    private(set) var sessions: [Int64: Int32] = [:]
    /// Paths by the session that they go with; no empty sets.
    private(set) var ephemerals: [Int64: Set<ExactText>] = [:]
    /// Containers and nodes with a time to live.
    private(set) var perishable: Set<ExactText> = []
    private(set) var quotas = QuotaTable()
    private(set) var lastZxid: Int64 = 0
    /// Bytes of all paths and data.
    private(set) var dataSize = 0

    init() {
        for path in NodePath.fixed.sorted() {
            var node = ZNode(data: ByteBuffer(), acl: ACL.open, lifetime: .persistent, zxid: 0, time: 0)
            if path == "/zookeeper/config" {
                // Configurations are the server's to write.
                node.acl = [ACL(.read, .anyone)]
                node.aversion = -1
            }
            insert(node, at: path)
            if let parent = NodePath.parent(of: path) { nodes.alter(parent) { $0.childCount += 1 } }
        }
    }

    /// Nothing at all, to be filled from a snapshot.
    init(lastZxid: Int64) { self.lastZxid = lastZxid }

    /// Puts every node that came from a snapshot among the children of the one above. False when the nodes make no tree:
    /// one without a node above, numbers of children that are wrong, an ephemeral node whose session is over.
    mutating func link() -> Bool {
        guard nodes.linkChildren(), NodePath.fixed.allSatisfy({ nodes[$0] != nil }),
            ephemerals.keys.allSatisfy({ sessions[$0] != nil })
        else { return false }
        var isSound = true
        nodes.forEach { _, node, childCount in
            if Int(node.childCount) != childCount { isSound = false }
        }
        return isSound
    }

    /// Puts a node in its place, its parent's facts left alone.
    mutating func insert(_ node: ZNode, at path: String) {
        nodes.insert(node, at: path)
        dataSize += path.utf8.count + (node.data?.readableBytes ?? 0)
        switch node.lifetime {
        case .persistent: break
        case .ephemeral(let session): ephemerals[session, default: []].insert(ExactText(path))
        case .container, .ttl: perishable.insert(ExactText(path))
        }
        if let limited = QuotaPath.limited(by: path) { quotas.insert(limited) }
    }

    mutating func insert(session: Int64, timeoutInMilliseconds: Int32) {
        sessions[session] = timeoutInMilliseconds
    }

    mutating func advance(to zxid: Int64) {
        precondition(zxid > lastZxid, "zxid \(zxid) applied after \(lastZxid)")
        lastZxid = zxid
    }

    /// Applies one change of the record that ``advance(to:)`` was told of.
    mutating func apply(_ change: TreeChange, zxid: Int64, time: Int64) {
        switch change {
        case .created(let path, let data, let acl, let lifetime):
            insert(ZNode(data: data, acl: acl, lifetime: lifetime, zxid: zxid, time: time), at: path)
            if let parent = NodePath.parent(of: path) { nodes.alter(parent) { $0.gainChild(zxid: zxid) } }
            if let measured = QuotaPath.measured(by: path) { measure(measured, into: path) }
            account(path, bytes: data?.readableBytes ?? 0, nodes: 1)
        case .deleted(let path): delete(path, zxid: zxid)
        case .dataSet(let path, let data):
            var growth = 0
            nodes.alter(path) { node in
                growth = (data?.readableBytes ?? 0) - (node.data?.readableBytes ?? 0)
                node.set(data: data, zxid: zxid, time: time)
            }
            dataSize += growth
            account(path, bytes: growth, nodes: 0)
        case .aclSet(let path, let acl): nodes.alter(path) { $0.set(acl: acl) }
        case .sessionOpened(let session, let timeout): sessions[session] = timeout
        case .sessionClosed(let session, _): sessions[session] = nil
        case .multi: preconditionFailure("the changes of a multi are applied one by one")
        case .failed: break
        }
    }

    private mutating func delete(_ path: String, zxid: Int64) {
        guard let node = nodes.remove(path) else { return }
        dataSize -= path.utf8.count + (node.data?.readableBytes ?? 0)
        if let parent = NodePath.parent(of: path) { nodes.alter(parent) { $0.loseChild(zxid: zxid) } }
        switch node.lifetime {
        case .persistent: break
        case .ephemeral(let session):
            ephemerals[session]?.remove(ExactText(path))
            if ephemerals[session]?.isEmpty == true { ephemerals[session] = nil }
        case .container, .ttl: perishable.remove(ExactText(path))
        }
        if let limited = QuotaPath.limited(by: path) { quotas.remove(limited) }
        account(path, bytes: -(node.data?.readableBytes ?? 0), nodes: -1)
    }

    // MARK: Quotas

    /// Takes a change at `path` to the account of the quota above it.
    private mutating func account(_ path: String, bytes: Int, nodes count: Int) {
        guard let quota = quotas.governing(path) else { return }
        alterData(QuotaPath.stats(of: quota)) { $0.account(bytes: bytes, nodes: count) }
    }

    /// Counts what is at and below `path` for the node that tells it.
    private mutating func measure(_ path: String, into stats: String) {
        var use = QuotaText(nodeCount: 0, bytes: 0)
        var open = [path]
        while let path = open.popLast() {
            guard let node = nodes[path] else { continue }
            use.nodeCount += 1
            use.bytes += Int64(node.data?.readableBytes ?? 0)
            if node.childCount > 0 {
                open += nodes.children(of: path).map { NodePath.child($0.string, of: path) }
            }
        }
        alterData(stats) { $0.data = use.data }
    }

    /// Changes the data of a node and nothing that clients can see a change by.
    private mutating func alterData(_ path: String, _ body: (inout ZNode) -> Void) {
        nodes.alter(path) { node in
            dataSize -= node.data?.readableBytes ?? 0
            body(&node)
            dataSize += node.data?.readableBytes ?? 0
        }
    }
}
