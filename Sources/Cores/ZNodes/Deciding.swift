import NIOCore
import ZooKeeperProtocol

/// How changes are checked, in Apache ZooKeeper's order of checks, and what they become.
struct ChangeDecision {
    let settings: ZNodesSettings
    let session: Int64
    let identities: [ZooKeeperID]

    /// Checks `operation` against the draft, which is to perform the change before the next. nil for what changes nothing.
    func decide(
        _ operation: Operation, in draft: inout TreeDraft
    ) throws(ZooKeeperError) -> (change: TreeChange?, result: OperationResult) {
        switch operation {
        case .create(let create):
            let (change, path, _) = try self.create(create, isContainer: false, hasTTL: false, in: &draft)
            return (change, .created(path: path))
        case .create2(let create): return try create2(create, isContainer: false, hasTTL: false, in: &draft)
        case .createContainer(let create): return try create2(create, isContainer: true, hasTTL: false, in: &draft)
        case .createTTL(let create): return try create2(create, isContainer: false, hasTTL: true, in: &draft)
        case .delete(let path, let version):
            return (try delete(path, version: version, in: draft), .deleted)
        case .setData(let path, let data, let version):
            var node = try existing(path, in: draft)
            try require(.write, on: node)
            let growth = (data?.readableBytes ?? 0) - (node.dataLength ?? 0)
            try checkQuota(path, bytes: growth, nodes: 0, in: &draft)
            try compare(version, node.version)
            node.set(dataLength: data?.readableBytes, zxid: draft.zxid, time: draft.time)
            return (.dataSet(path: path, data: data), .dataSet(node.stat))
        case .check(let path, let version):
            let node = try existing(path, in: draft)
            try require(.read, on: node)
            try compare(version, node.version)
            return (nil, .checked)
        }
    }

    func setACL(
        _ path: String, _ acl: [ACL], version: Int32, in draft: TreeDraft
    ) throws(ZooKeeperError) -> (change: TreeChange, stat: Stat) {
        guard NodePath.isValid(path) else { throw .badArguments }
        let acl = try AccessControl.normalized(acl, for: identities, schemes: settings.schemes)
        var node = try existing(path, in: draft)
        try require(.admin, on: node)
        try compare(version, node.aversion)
        node.set(acl: acl)
        return (.aclSet(path: path, acl: acl), node.stat)
    }

    // MARK: Creating

    private func create2(
        _ create: CreateOperation, isContainer: Bool, hasTTL: Bool, in draft: inout TreeDraft
    ) throws(ZooKeeperError) -> (change: TreeChange?, result: OperationResult) {
        let (change, path, node) = try self.create(create, isContainer: isContainer, hasTTL: hasTTL, in: &draft)
        return (change, .created2(path: path, node.stat))
    }

    private func create(
        _ create: CreateOperation, isContainer: Bool, hasTTL: Bool, in draft: inout TreeDraft
    ) throws(ZooKeeperError) -> (TreeChange, path: String, ZNode) {
        guard let mode = CreateMode(rawValue: create.flags) else { throw .badArguments }
        guard !mode.hasTTL || settings.allowsTTL else { throw .unimplemented }
        guard mode.hasTTL == hasTTL else { throw .badArguments }
        // Of a container's flags only the sequence number counts.
        let lifetime = isContainer ? .container : try lifetime(mode, ttl: create.ttl)
        if session == TreeRequest.localSession {
            if case .ephemeral = lifetime { throw .ephemeralOnLocalSession }
        } else if !draft.hasSession(session) {
            throw .sessionExpired
        }
        guard create.path.utf8.contains(UInt8(ascii: "/")), !create.path.utf8.contains(0) else { throw .badArguments }
        // "/" has a parent here: what is created there with a sequence number is a child of the root.
        let parentPath = NodePath.parent(of: create.path) ?? "/"
        let acl = try AccessControl.normalized(create.acl, for: identities, schemes: settings.schemes)
        let parent = try existing(parentPath, in: draft, brokenPath: .noNode)
        try require(.create, on: parent)
        let path =
            mode.isSequential ? create.path + NodePath.sequence(parent.createdChildCount) : create.path
        guard NodePath.isValid(path) else { throw .badArguments }
        guard draft.node(path) == nil else { throw .nodeExists }
        if case .ephemeral = parent.lifetime { throw .noChildrenForEphemerals }
        try checkQuota(path, bytes: create.data?.readableBytes ?? 0, nodes: 1, in: &draft)
        let node = draft.created(data: create.data, acl: acl, lifetime: lifetime)
        return (.created(path: path, data: create.data, acl: acl, lifetime: lifetime), path, node)
    }

    private func lifetime(_ mode: CreateMode, ttl: Int64) throws(ZooKeeperError) -> ZNode.Lifetime {
        switch mode {
        case .persistent, .persistentSequential: return .persistent
        case .ephemeral, .ephemeralSequential: return .ephemeral(session)
        case .container: return .container
        case .persistentWithTTL, .persistentSequentialWithTTL:
            guard (1...ZNodesSettings.longestTTLInMilliseconds).contains(ttl) else { throw .badArguments }
            return .ttl(ttl)
        }
    }

    private func delete(
        _ path: String, version: Int32, in draft: TreeDraft
    ) throws(ZooKeeperError) -> TreeChange {
        guard !NodePath.fixed.contains(path), !path.utf8.contains(0), let parentPath = NodePath.parent(of: path)
        else { throw .badArguments }
        let parent = try existing(parentPath, in: draft, brokenPath: .noNode)
        try require(.delete, on: parent)
        let node = try existing(path, in: draft, brokenPath: .noNode)
        try compare(version, node.version)
        guard node.childCount == 0 else { throw .notEmpty }
        return .deleted(path: path)
    }

    // MARK: Checks

    /// - Parameter fault: why there is none, where a broken path has an error of its own.
    private func existing(
        _ path: String, in draft: TreeDraft, brokenPath fault: ZooKeeperError = .badArguments
    ) throws(ZooKeeperError) -> ZNode {
        guard let node = draft.node(path) else { throw NodePath.isValid(path) ? .noNode : fault }
        return node
    }

    private func require(_ permission: Permissions, on node: ZNode) throws(ZooKeeperError) {
        guard !settings.checksACLs || AccessControl.allows(identities, permission, node.acl) else { throw .noAuth }
    }

    /// - Parameter wanted: -1 for any.
    private func compare(_ wanted: Int32, _ present: Int32) throws(ZooKeeperError) {
        guard wanted == -1 || wanted == present else { throw .badVersion }
    }
}

extension Operation {
    /// What Apache ZooKeeper takes it for inside a multi, where a creation is told by its flags alone; nil where these
    /// ask for a time to live that the operation does not carry.
    var asPartOfMulti: Operation? {
        switch self {
        case .create(let create), .create2(let create), .createContainer(let create), .createTTL(let create):
            guard let mode = CreateMode(rawValue: create.flags) else { return .create(create) }
            if mode.hasTTL { return opCode == .createTTL ? self : nil }
            return mode == .container ? .createContainer(create) : .create(create)
        case .delete, .setData, .check: return self
        }
    }
}
