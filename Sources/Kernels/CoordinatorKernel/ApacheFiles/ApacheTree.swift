import NIOCore
import ZNodes
import ZooKeeperProtocol

/// The tree as Apache ZooKeeper keeps it, for replaying its log.
///
/// A snapshot shows each node at a later moment than its zxid says, so the log repeats what parts of the tree have
/// gone through already. Replay is made for that, by ZooKeeper's own rules: what cannot be done is passed over, versions
/// are set rather than counted up, and a parent's numbers only grow. A change that is older than the node at its path was
/// one of an earlier node there, and is passed over as well.
struct ApacheTree {
    struct Node: Equatable {
        var data: ByteBuffer?
        /// nil when the snapshot took down the node but not its list; the log says it.
        var acl: [ACL]?
        /// As on the disk: `cversion` counts children ever created, `ephemeralOwner` is a ``NodeOwner``, and the numbers
        /// of bytes and children are 0.
        var stat: Stat
        var children: Set<[UInt8]> = []

        var owner: NodeOwner { NodeOwner(rawValue: stat.ephemeralOwner) }
    }

    private static let root = Array("/".utf8)

    /// By the bytes of their paths: two spellings of a letter are two names.
    private(set) var nodes: [[UInt8]: Node] = [:]
    /// Paths by the session or mark that they go with.
    private(set) var owned: [Int64: Set<[UInt8]>] = [:]
    /// Granted timeouts in milliseconds.
    var sessions: [Int64: Int32] = [:]
    private(set) var lastZxid: Int64

    init(lastZxid: Int64) { self.lastZxid = lastZxid }

    /// An empty tree, as a server makes it that finds no files.
    static var empty: ApacheTree {
        var tree = ApacheTree(lastZxid: 0)
        for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
            var stat = Stat()
            if path == "/zookeeper/config" { stat.aversion = -1 }
            let acl = path == "/zookeeper/config" ? [ACL(.read, .anyone)] : ACL.open
            tree.insert(Node(data: ByteBuffer(), acl: acl, stat: stat), at: path)
        }
        return tree
    }

    /// Puts a node in its place. False when there is none above it.
    @discardableResult
    mutating func insert(_ node: Node, at path: String) -> Bool {
        insert(node, at: Array(path.utf8))
    }

    private mutating func insert(_ node: Node, at path: [UInt8]) -> Bool {
        if path != Self.root {
            let (parent, name) = Self.split(path)
            guard nodes[parent]?.children.insert(name) != nil else { return false }
        }
        // One that hangs below nothing may still be there.
        if let old = nodes.updateValue(node, forKey: path) { owned[old.owner.rawValue]?.remove(path) }
        if node.owner != .none { owned[node.owner.rawValue, default: []].insert(path) }
        return true
    }

    // MARK: Replay

    mutating func apply(_ transaction: ApacheTransaction) {
        lastZxid = max(lastZxid, transaction.zxid)
        apply(transaction.change, of: transaction)
    }

    private mutating func apply(_ change: ApacheTransaction.Change, of transaction: ApacheTransaction) {
        switch change {
        case .created(let path, let data, let acl, let owner, let parentCversion):
            var stat = Stat()
            stat.czxid = transaction.zxid
            stat.mzxid = transaction.zxid
            stat.pzxid = transaction.zxid
            stat.ctime = transaction.time
            stat.mtime = transaction.time
            stat.ephemeralOwner = owner.rawValue
            create(Node(data: data, acl: acl, stat: stat), at: Array(path.utf8), parentCversion: parentCversion)
        case .deleted(let path): delete(Array(path.utf8), zxid: transaction.zxid)
        case .dataSet(let path, let data, let version):
            alter(path, zxid: transaction.zxid) { node in
                node.data = data
                node.stat.version = version
                node.stat.mzxid = transaction.zxid
                node.stat.mtime = transaction.time
            }
        case .aclSet(let path, let acl, let version):
            alter(path, zxid: transaction.zxid) { node in
                node.acl = acl
                node.stat.aversion = version
            }
        case .sessionOpened(let timeout): sessions[transaction.session] = timeout
        case .sessionClosed(let paths):
            for path in paths { delete(Array(path.utf8), zxid: transaction.zxid) }
            close(transaction.session, zxid: transaction.zxid)
        case .multi(let changes):
            for change in changes { apply(change, of: transaction) }
        case .nothing: break
        }
    }

    private mutating func create(_ node: Node, at path: [UInt8], parentCversion: Int32) {
        let (parent, name) = Self.split(path)
        guard let above = nodes.index(forKey: parent) else { return }
        let present = nodes.values[above].stat.cversion
        let cversion = parentCversion == -1 ? present &+ 1 : parentCversion
        if cversion > present {
            nodes.values[above].stat.cversion = cversion
            nodes.values[above].stat.pzxid = node.stat.czxid
        }
        if !nodes.values[above].children.contains(name) {
            _ = insert(node, at: path)
        } else if let present = nodes[path], present.acl == nil {
            nodes[path]?.acl = node.acl
        }
    }

    private mutating func delete(_ path: [UInt8], zxid: Int64) {
        let (parent, name) = Self.split(path)
        guard let above = nodes.index(forKey: parent) else { return }
        nodes.values[above].stat.pzxid = max(nodes.values[above].stat.pzxid, zxid)
        guard let node = nodes[path], node.stat.czxid <= zxid else { return }
        nodes.values[above].children.remove(name)
        nodes[path] = nil
        owned[node.owner.rawValue]?.remove(path)
    }

    private mutating func close(_ session: Int64, zxid: Int64) {
        sessions[session] = nil
        for path in (owned[session] ?? []).sorted(by: Self.precedes) { delete(path, zxid: zxid) }
        owned[session] = nil
    }

    private mutating func alter(_ path: String, zxid: Int64, _ body: (inout Node) -> Void) {
        guard let index = nodes.index(forKey: Array(path.utf8)), nodes.values[index].stat.czxid <= zxid else { return }
        body(&nodes.values[index])
    }

    // MARK: The result

    /// Ends what Apache ZooKeeper would end at its start: ephemeral nodes of sessions that are over.
    ///
    /// - Returns: their paths.
    mutating func removeAbandoned() -> [String] {
        var removed: [String] = []
        for owner in owned.keys.sorted() where sessions[owner] == nil {
            let mark = NodeOwner(rawValue: owner)
            guard mark != .container, mark.ttl == nil else { continue }
            removed += (owned[owner] ?? []).sorted(by: Self.precedes).map { String(decoding: $0, as: UTF8.self) }
            close(owner, zxid: lastZxid)
        }
        return removed
    }

    /// The same as our own state; what hangs below nothing is left out.
    ///
    /// - Throws: a sentence's end, when the files do not add up to a tree.
    func state() throws(Inconsistency) -> (TreeState, leftOutCount: Int) {
        var result = TreeImport(lastZxid: lastZxid)
        for (session, timeout) in sessions { result.add(session: session, timeoutInMilliseconds: timeout) }
        var open = [Self.root]
        var count = 0
        while let path = open.popLast() {
            guard let node = nodes[path] else { continue }
            let children = node.children.filter { nodes[Self.join(path, $0)] != nil }
            open += children.map { Self.join(path, $0) }
            count += 1
            let text = String(decoding: path, as: UTF8.self)
            guard let acl = node.acl else { throw Inconsistency(cause: "\(text) has a list of access that is nowhere") }
            result.add(
                ImportedNode(
                    data: node.data, acl: acl, stat: node.stat, childCount: Int32(children.count),
                    lifetime: lifetime(of: node)),
                at: text)
        }
        guard let state = result.finish() else { throw Inconsistency(cause: "the nodes make no tree") }
        return (state, nodes.count - count)
    }

    /// What the files say together makes no sense.
    struct Inconsistency: Error, Equatable {
        var cause: String
    }

    private func lifetime(of node: Node) -> ImportedNode.Lifetime {
        let owner = node.owner
        if owner == .none { return .persistent }
        if owner == .container { return .container }
        if let ttl = owner.ttl, sessions[owner.rawValue] == nil { return .ttl(ttl) }
        return .ephemeral(owner.rawValue)
    }

    // MARK: Paths

    private static let slash = UInt8(ascii: "/")

    private static func split(_ path: [UInt8]) -> (parent: [UInt8], name: [UInt8]) {
        guard let last = path.lastIndex(of: slash) else { return ([], path) }
        return (last == 0 ? root : Array(path[..<last]), Array(path[(last + 1)...]))
    }

    private static func join(_ parent: [UInt8], _ name: [UInt8]) -> [UInt8] {
        parent == root ? parent + name : parent + [slash] + name
    }

    private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.lexicographicallyPrecedes(right) }
}
