import ZooKeeperProtocol

/// The tree as it would be after changes that are still being decided: later operations of a multi see the earlier
/// ones.
struct TreeDraft {
    private let base: TreeState
    /// nil for what would be gone.
    private var changed: [ExactText: ZNode?] = [:]
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
        if !changed.isEmpty, let draft = changed[ExactText(path)] { return draft }
        return base.nodes[path]
    }

    func hasSession(_ session: Int64) -> Bool { base.sessions[session] != nil }

    /// Quotas that the draft itself makes or ends count from the next change on.
    func quota(governing path: String) -> String? { base.quotas.governing(path) }

    /// Takes over a change of a node.
    mutating func perform(_ change: TreeChange) {
        let (zxid, time) = (zxid, time)
        switch change {
        case .created(let path, let data, let acl, let lifetime):
            changed[ExactText(path)] = .some(ZNode(data: data, acl: acl, lifetime: lifetime, zxid: zxid, time: time))
            alter(NodePath.parent(of: path)) { $0.gainChild(zxid: zxid) }
            account(path, bytes: data?.readableBytes ?? 0, nodes: 1)
        case .deleted(let path):
            let size = node(path)?.data?.readableBytes ?? 0
            changed[ExactText(path)] = .some(nil)
            alter(NodePath.parent(of: path)) { $0.loseChild(zxid: zxid) }
            account(path, bytes: -size, nodes: -1)
        case .dataSet(let path, let data):
            let growth = (data?.readableBytes ?? 0) - (node(path)?.data?.readableBytes ?? 0)
            alter(path) { $0.set(data: data, zxid: zxid, time: time) }
            account(path, bytes: growth, nodes: 0)
        case .aclSet(let path, let acl): alter(path) { $0.set(acl: acl) }
        case .sessionOpened, .sessionClosed, .multi, .failed:
            preconditionFailure("drafting a change that is not one of a node: \(change)")
        }
    }

    /// So that the next operations of a multi find less room.
    private mutating func account(_ path: String, bytes: Int, nodes count: Int) {
        guard let quota = quota(governing: path) else { return }
        alter(QuotaPath.stats(of: quota)) { $0.account(bytes: bytes, nodes: count) }
    }

    private mutating func alter(_ path: String?, _ body: (inout ZNode) -> Void) {
        guard let path, var node = node(path) else { return }
        body(&node)
        changed[ExactText(path)] = .some(node)
    }
}
