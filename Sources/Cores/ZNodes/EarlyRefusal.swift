import ZooKeeperProtocol

/// What a member can see before it asks its leader (`enableEagerACLCheck`).
extension ZNodes {
    /// Whether access lists, as this tree has them, keep these identities from a change. Of operations one by one: a
    /// multi is left to the leader, and so is what has to do with a node that is not here, or not yet.
    package func refuses(_ request: ZooKeeperRequest, by identities: [ZooKeeperID]) -> Bool {
        guard settings.checksACLs, let (path, permission) = request.needed, let node = hard.nodes[path] else {
            return false
        }
        return !AccessControl.allows(identities, permission, node.acl)
    }
}

extension ZooKeeperRequest {
    /// On which node which permission is needed; nil for what is not looked at.
    fileprivate var needed: (path: String, permission: Permissions)? {
        switch self {
        case .change(.create(let create)), .change(.create2(let create)), .change(.createContainer(let create)),
            .change(.createTTL(let create)):
            guard let parent = NodePath.parent(of: create.path) else { return nil }
            return (parent, .create)
        case .change(.delete(let path, _)):
            guard let parent = NodePath.parent(of: path) else { return nil }
            return (parent, .delete)
        case .change(.setData(let path, _, _)): return (path, .write)
        case .setACL(let path, _, _): return (path, .admin)
        default: return nil
        }
    }
}
