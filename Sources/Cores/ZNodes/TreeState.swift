import NIOCore
import ZooKeeperProtocol

/// The lasting state: what the replay of all records gives.
package struct TreeState: Sendable, Equatable {
    private(set) var nodes: [String: ZNode] = [:]
    /// Names of the children of nodes that have any.
    private(set) var children: [String: Set<String>] = [:]
    /// Granted timeouts in milliseconds.
    private(set) var sessions: [Int64: Int32] = [:]
    /// Paths by the session that they go with; no empty sets.
    private(set) var ephemerals: [Int64: Set<String>] = [:]
    /// Containers and nodes with a time to live.
    private(set) var perishable: Set<String> = []
    private(set) var lastZxid: Int64 = 0
    /// Bytes of all paths and data.
    private(set) var dataSize = 0

    init() {
        for path in NodePath.fixed.sorted() {
            // Configurations are the server's to write.
            let acl = path == "/zookeeper/config" ? [ACL(.read, .anyone)] : ACL.open
            let data = path == "/zookeeper/config" ? ByteBuffer() : nil
            insert(ZNode(data: data, acl: acl, lifetime: .persistent, zxid: 0, time: 0), at: path)
            if let parent = NodePath.parent(of: path) { nodes[parent]?.childCount += 1 }
        }
    }

    /// Nothing at all, to be filled from a snapshot.
    init(lastZxid: Int64) { self.lastZxid = lastZxid }

    /// Puts a node in its place, its parent's facts left alone.
    mutating func insert(_ node: ZNode, at path: String) {
        nodes[path] = node
        dataSize += path.utf8.count + (node.data?.readableBytes ?? 0)
        if let parent = NodePath.parent(of: path) { children[parent, default: []].insert(NodePath.name(of: path)) }
        switch node.lifetime {
        case .persistent: break
        case .ephemeral(let session): ephemerals[session, default: []].insert(path)
        case .container, .ttl: perishable.insert(path)
        }
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
            if let parent = NodePath.parent(of: path) { nodes[parent]?.gainChild(zxid: zxid) }
        case .deleted(let path): delete(path, zxid: zxid)
        case .dataSet(let path, let data):
            dataSize += (data?.readableBytes ?? 0) - (nodes[path]?.data?.readableBytes ?? 0)
            nodes[path]?.set(data: data, zxid: zxid, time: time)
        case .aclSet(let path, let acl): nodes[path]?.set(acl: acl)
        case .sessionOpened(let session, let timeout): sessions[session] = timeout
        case .sessionClosed(let session, _): sessions[session] = nil
        case .multi: preconditionFailure("the changes of a multi are applied one by one")
        case .failed: break
        }
    }

    private mutating func delete(_ path: String, zxid: Int64) {
        guard let node = nodes.removeValue(forKey: path) else { return }
        dataSize -= path.utf8.count + (node.data?.readableBytes ?? 0)
        if let parent = NodePath.parent(of: path) {
            nodes[parent]?.loseChild(zxid: zxid)
            children[parent]?.remove(NodePath.name(of: path))
            if children[parent]?.isEmpty == true { children[parent] = nil }
        }
        switch node.lifetime {
        case .persistent: break
        case .ephemeral(let session):
            ephemerals[session]?.remove(path)
            if ephemerals[session]?.isEmpty == true { ephemerals[session] = nil }
        case .container, .ttl: perishable.remove(path)
        }
    }
}
