import NIOCore
import ZooKeeperProtocol

/// The tree as it would be after changes that are still being decided: later operations of a multi see the earlier
/// ones.
struct TreeDraft {
    private enum Changed {
        /// With its data when that is new too.
        case node(ZNode, newData: ByteBuffer??)
        case gone
    }

    private let base: TreeState
    private var changed: [ExactText: Changed] = [:]
    let zxid: Int64
    let time: Int64
    /// Limits of quotas that the draft passes, though it may.
    var excesses: [QuotaExcess] = []

    init(_ base: TreeState, zxid: Int64, time: Int64) {
        self.base = base
        self.zxid = zxid
        self.time = time
    }

    func node(_ path: String) -> ZNode? {
        guard !changed.isEmpty, let draft = changed[ExactText(path)] else { return base.nodes[path] }
        return if case .node(let node, _) = draft { node } else { nil }
    }

    /// nil for null, and where there is no node.
    func data(of path: String) -> ByteBuffer? {
        switch changed[ExactText(path)] {
        case .node(_, newData: let data?): data
        case .gone: nil
        case .node, nil: base.nodes.data(of: path)
        }
    }

    func hasSession(_ session: Int64) -> Bool { base.sessions[session] != nil }

    /// Quotas that the draft itself makes or ends count from the next change on.
    func quota(governing path: String) -> String? { base.quotas.governing(path) }

    /// A node as a creation makes it now.
    func created(data: ByteBuffer?, acl: [ACL], lifetime: ZNode.Lifetime) -> ZNode {
        ZNode(dataLength: data?.readableBytes, acl: acl, lifetime: lifetime, zxid: zxid, time: time)
    }

    /// Takes over a change of a node.
    mutating func perform(_ change: TreeChange) {
        let (zxid, time) = (zxid, time)
        switch change {
        case .created(let path, let data, let acl, let lifetime):
            let node = created(data: data, acl: acl, lifetime: lifetime)
            changed[ExactText(path)] = .node(node, newData: .some(data))
            alter(NodePath.parent(of: path)) { $0.gainChild(zxid: zxid) }
            account(path, bytes: node.dataLength ?? 0, nodes: 1)
        case .deleted(let path):
            let size = node(path)?.dataLength ?? 0
            changed[ExactText(path)] = .gone
            alter(NodePath.parent(of: path)) { $0.loseChild(zxid: zxid) }
            account(path, bytes: -size, nodes: -1)
        case .dataSet(let path, let data):
            let length = data?.readableBytes
            let growth = (length ?? 0) - (node(path)?.dataLength ?? 0)
            alter(path, newData: .some(data)) { $0.set(dataLength: length, zxid: zxid, time: time) }
            account(path, bytes: growth, nodes: 0)
        case .aclSet(let path, let acl): alter(path) { $0.set(acl: acl) }
        case .sessionOpened, .sessionClosed, .multi, .failed, .epochOpened, .reconfigured:
            preconditionFailure("drafting a change that is not one of a node: \(change)")
        }
    }

    /// So that the next operations of a multi find less room.
    private mutating func account(_ path: String, bytes: Int, nodes count: Int) {
        guard let quota = quota(governing: path) else { return }
        let stats = QuotaPath.stats(of: quota)
        var use = QuotaText(data(of: stats))
        use.add(bytes: bytes, nodes: count)
        let data = use.data
        alter(stats, newData: .some(data)) { $0.dataLength = data.readableBytes }
    }

    private mutating func alter(_ path: String?, newData: ByteBuffer?? = nil, _ body: (inout ZNode) -> Void) {
        guard let path, var node = node(path) else { return }
        body(&node)
        var data = newData
        if data == nil, case .node(_, let before) = changed[ExactText(path)] { data = before }
        changed[ExactText(path)] = .node(node, newData: data)
    }
}
