import NIOCore
import ZooKeeperProtocol

/// The lasting state: what the replay of all records gives.
package struct TreeState: Sendable, Equatable {
    private(set) var nodes = NodeTable()
    /// Granted timeouts in milliseconds.
    private(set) var sessions: [Int64: Int32] = [:]
    /// Nodes by the session that they go with; no empty sets.
    private var ephemerals: [Int64: Set<NodeReference>] = [:]
    /// Containers and nodes with a time to live.
    private var perishable: Set<NodeReference> = []
    private(set) var quotas = QuotaTable()
    package private(set) var lastZxid: Int64 = 0
    /// What the members of an ensemble share; empty before the first of them has led.
    package internal(set) var secret = ByteBuffer()
    /// Bytes of all paths and data.
    private(set) var dataSize = 0
    /// nil where it is not kept.
    package private(set) var digest: TreeDigest?

    init() {
        for path in NodePath.fixed.sorted() {
            var node = ZNode(dataLength: 0, acl: ACL.open, lifetime: .persistent, zxid: 0, time: 0)
            if path == NodePath.configuration {
                // Configurations are the server's to write.
                node.acl = [ACL(.read, .anyone)]
                node.aversion = -1
            }
            insert(node, data: ByteBuffer(), at: path) { $0.childCount += 1 }
        }
    }

    /// Nothing at all, to be filled from a snapshot.
    init(lastZxid: Int64) { self.lastZxid = lastZxid }

    /// Takes a node out of a snapshot, before or after those above it.
    mutating func restore(_ node: ZNode, data: ByteBuffer?, at path: String) {
        register(nodes.insertUnlinked(node, data: data, at: path), node, path)
    }

    /// Links the nodes that came out of a snapshot. False when they make no tree: one without a node above, numbers of
    /// children that are wrong, an ephemeral node whose session is over.
    mutating func link() -> Bool {
        nodes.link() && NodePath.fixed.allSatisfy { nodes.reference(of: $0) != nil }
            && ephemerals.keys.allSatisfy { sessions[$0] != nil }
    }

    private mutating func insert(
        _ node: ZNode, data: ByteBuffer?, at path: String, alterParent: (inout ZNode) -> Void
    ) {
        let (place, replaced) = nodes.insert(node, data: data, at: path, alterParent: alterParent)
        if let replaced { unregister(place, replaced, path) }
        register(place, node, path)
    }

    private mutating func register(_ place: NodeReference, _ node: ZNode, _ path: String) {
        dataSize += path.utf8.count + (node.dataLength ?? 0)
        switch node.lifetime {
        case .persistent: break
        case .ephemeral(let session): ephemerals[session, default: []].insert(place)
        case .container, .ttl: perishable.insert(place)
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

    /// Keeps the digest from now on; takes time for each node there is.
    mutating func keepDigest() {
        var digest = TreeDigest()
        digest.replace(0, by: nodes.digestOfAll())
        self.digest = digest
    }

    /// Applies one change of the record that ``advance(to:)`` was told of.
    mutating func apply(_ change: TreeChange, zxid: Int64, time: Int64) {
        guard digest != nil else { return perform(change, zxid: zxid, time: time) }
        let before = nodes.digest(touchedBy: change)
        perform(change, zxid: zxid, time: time)
        digest?.replace(before, by: nodes.digest(touchedBy: change))
    }

    private mutating func perform(_ change: TreeChange, zxid: Int64, time: Int64) {
        switch change {
        case .created(let path, let data, let acl, let lifetime):
            let length = data?.readableBytes
            let node = ZNode(dataLength: length, acl: acl, lifetime: lifetime, zxid: zxid, time: time)
            insert(node, data: data, at: path) { $0.gainChild(zxid: zxid) }
            if let measured = QuotaPath.measured(by: path) { measure(measured, into: path) }
            account(path, bytes: length ?? 0, nodes: 1)
        case .deleted(let path): delete(path, zxid: zxid)
        case .dataSet(let path, let data):
            guard let place = nodes.reference(of: path) else { return }
            let growth = set(data, at: place)
            nodes.alter(place) { $0.set(dataLength: data?.readableBytes, zxid: zxid, time: time) }
            account(path, bytes: growth, nodes: 0)
        case .aclSet(let path, let acl): nodes.alter(path) { $0.set(acl: acl) }
        case .sessionOpened(let session, let timeout): sessions[session] = timeout
        case .sessionClosed(let session, _): sessions[session] = nil
        case .multi: preconditionFailure("the changes of a multi are applied one by one")
        case .failed: break
        case .epochOpened(let secret, let configuration):
            self.secret = secret.copied
            show(configuration)
        case .reconfigured(let configuration, _):
            show(configuration)
            nodes.alter(NodePath.configuration) { node in
                node.mzxid = zxid
                node.mtime = time
            }
        }
    }

    /// Lets `/zookeeper/config` show the ensemble. Its version stays -1, as Apache ZooKeeper has it.
    private mutating func show(_ configuration: String) {
        guard let place = nodes.reference(of: NodePath.configuration) else { return }
        let data = ByteBuffer(string: configuration)
        set(data, at: place)
        nodes.alter(place) { node in
            node.dataLength = data.readableBytes
            node.version = -1
        }
    }

    /// `/zookeeper/config`, as clients read it.
    package var configurationNode: (data: ByteBuffer, Stat) {
        let stat = nodes[NodePath.configuration]?.stat ?? Stat()
        return (ByteBuffer(string: configuration), stat)
    }

    /// The ensemble as the newest change has it; empty before the first.
    package var configuration: String {
        nodes.reference(of: NodePath.configuration).flatMap { nodes.data(at: $0) }.map { String(buffer: $0) } ?? ""
    }

    private mutating func delete(_ path: String, zxid: Int64) {
        guard let (place, node) = nodes.remove(path, alterParent: { $0.loseChild(zxid: zxid) }) else { return }
        unregister(place, node, path)
        account(path, bytes: -(node.dataLength ?? 0), nodes: -1)
    }

    private mutating func unregister(_ place: NodeReference, _ node: ZNode, _ path: String) {
        dataSize -= path.utf8.count + (node.dataLength ?? 0)
        switch node.lifetime {
        case .persistent: break
        case .ephemeral(let session):
            ephemerals[session]?.remove(place)
            if ephemerals[session]?.isEmpty == true { ephemerals[session] = nil }
        case .container, .ttl: perishable.remove(place)
        }
        if let limited = QuotaPath.limited(by: path) { quotas.remove(limited) }
    }

    /// Returns by how many bytes the data grew.
    @discardableResult
    private mutating func set(_ data: ByteBuffer?, at place: NodeReference) -> Int {
        let growth = (data?.readableBytes ?? 0) - (nodes.node(at: place).dataLength ?? 0)
        nodes.set(data, at: place)
        dataSize += growth
        return growth
    }

    // MARK: Quotas

    /// Takes a change at `path` to the account of the quota above it.
    private mutating func account(_ path: String, bytes: Int, nodes count: Int) {
        guard let quota = quotas.governing(path), let stats = nodes.reference(of: QuotaPath.stats(of: quota)) else {
            return
        }
        var use = QuotaText(nodes.data(at: stats))
        use.add(bytes: bytes, nodes: count)
        set(use.data, at: stats)
    }

    /// Counts what is at and below `path` for the node that tells it.
    mutating func measure(_ path: String, into stats: String) {
        guard let stats = nodes.reference(of: stats) else { return }
        var use = QuotaText(nodeCount: 0, bytes: 0)
        if let top = nodes.reference(of: path) { use.add(bytes: nodes.node(at: top).dataLength ?? 0, nodes: 1) }
        nodes.forEachDescendant(of: path) { use.add(bytes: nodes.node(at: $0).dataLength ?? 0, nodes: 1) }
        set(use.data, at: stats)
    }

    // MARK: What ends by itself

    var ephemeralCount: Int { ephemerals.values.reduce(0) { $0 + $1.count } }

    /// The nodes that go with a session, sorted.
    package func ephemeralPaths(of session: Int64) -> [String] { paths(of: ephemerals[session] ?? []) }

    /// The containers and nodes with a time to live of which that is so, sorted.
    func perishablePaths(where isSo: (ZNode) -> Bool) -> [String] {
        paths(of: perishable.filter { isSo(nodes.node(at: $0)) })
    }

    private func paths(of places: Set<NodeReference>) -> [String] {
        places.map { ExactText(nodes.path(of: $0)) }.sorted().map(\.string)
    }
}

extension TreeState {
    /// What goes with sessions and what perishes follows from the nodes.
    package static func == (left: TreeState, right: TreeState) -> Bool {
        left.lastZxid == right.lastZxid && left.sessions == right.sessions && left.dataSize == right.dataSize
            && left.nodes == right.nodes
    }
}
