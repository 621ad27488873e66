import ZooKeeperProtocol

/// The tree as it would be after changes that are still being decided: later operations of a multi see the earlier
/// ones.
struct TreeDraft {
    private let base: TreeState
    /// nil for what would be gone.
    private var changed: [ExactText: ZNode?] = [:]
    let zxid: Int64
    let time: Int64

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

    /// Takes over a change of a node.
    mutating func perform(_ change: TreeChange) {
        let (zxid, time) = (zxid, time)
        switch change {
        case .created(let path, let data, let acl, let lifetime):
            changed[ExactText(path)] = .some(ZNode(data: data, acl: acl, lifetime: lifetime, zxid: zxid, time: time))
            alter(NodePath.parent(of: path)) { $0.gainChild(zxid: zxid) }
        case .deleted(let path):
            changed[ExactText(path)] = .some(nil)
            alter(NodePath.parent(of: path)) { $0.loseChild(zxid: zxid) }
        case .dataSet(let path, let data): alter(path) { $0.set(data: data, zxid: zxid, time: time) }
        case .aclSet(let path, let acl): alter(path) { $0.set(acl: acl) }
        case .sessionOpened, .sessionClosed, .multi, .failed:
            preconditionFailure("drafting a change that is not one of a node: \(change)")
        }
    }

    private mutating func alter(_ path: String?, _ body: (inout ZNode) -> Void) {
        guard let path, var node = node(path) else { return }
        body(&node)
        changed[ExactText(path)] = .some(node)
    }
}
