import NIOCore
import ZooKeeperProtocol

/// Reads of the tree, and the watches they leave.
extension ZNodes {
    /// Answers what changes nothing that lasts. nil for changes.
    mutating func read(_ asked: TreeRequest) -> Result<ZooKeeperReply, ZooKeeperError>? {
        do throws(ZooKeeperError) {
            return try answer(asked).map { .success($0) }
        } catch {
            return .failure(error)
        }
    }

    private mutating func answer(_ asked: TreeRequest) throws(ZooKeeperError) -> ZooKeeperReply? {
        switch asked.request {
        case .exists(let path, let watch):
            guard !path.utf8.contains(0) else { throw .badArguments }
            if watch { watches.add(.data, path, asked.watcher) }
            return .stat(try existing(path).stat)
        case .getData(let path, let watch):
            let node = try readable(path, asked)
            if watch { watches.add(.data, path, asked.watcher) }
            return .data(hard.nodes.data(of: rooted(path)), node.stat)
        case .getACL(let path):
            let node = try existing(path)
            try require([.read, .admin], on: node, asked)
            let isAdmin = !settings.checksACLs || AccessControl.allows(asked.identities, .admin, node.acl)
            return .acl(isAdmin ? node.acl : AccessControl.masked(node.acl), node.stat)
        case .getChildren(let path, let watch):
            _ = try readable(path, asked)
            if watch { watches.add(.child, path, asked.watcher) }
            return .strings(hard.nodes.childNames(of: rooted(path)))
        case .getChildren2(let path, let watch):
            let node = try readable(path, asked)
            if watch { watches.add(.child, path, asked.watcher) }
            return .stringsAndStat(hard.nodes.childNames(of: rooted(path)), node.stat)
        case .multiRead(let reads): return .results(reads.map { read($0, asked) })
        case .getEphemerals(let prefix):
            return .strings(hard.ephemeralPaths(of: asked.session).filter { $0.utf8.starts(with: prefix.utf8) })
        case .getAllChildrenNumber(let path):
            _ = try readable(path, asked)
            // Where nothing is named, the root is counted as well.
            let count = hard.nodes.descendantCount(of: rooted(path))
            return .number(Int32(clamping: path.isEmpty ? count + 1 : count))
        default: return try answerAboutWatches(asked)
        }
    }

    /// The path that is read: of nothing, the root's, as Apache ZooKeeper has it.
    private func rooted(_ path: String) -> String { path.isEmpty ? "/" : path }

    private func node(_ path: String) -> ZNode? { hard.nodes[rooted(path)] }

    private func existing(_ path: String) throws(ZooKeeperError) -> ZNode {
        guard let node = node(path) else { throw .noNode }
        return node
    }

    private func readable(_ path: String, _ asked: TreeRequest) throws(ZooKeeperError) -> ZNode {
        let node = try existing(path)
        try require(.read, on: node, asked)
        return node
    }

    private func require(
        _ permissions: Permissions, on node: ZNode, _ asked: TreeRequest
    ) throws(ZooKeeperError) {
        guard !settings.checksACLs || AccessControl.allows(asked.identities, permissions, node.acl) else {
            throw .noAuth
        }
    }

    private func read(_ operation: ReadOperation, _ asked: TreeRequest) -> OperationResult {
        do throws(ZooKeeperError) {
            switch operation {
            case .getData(let path):
                let node = try readable(path, asked)
                return .data(hard.nodes.data(of: rooted(path)), node.stat)
            case .getChildren(let path):
                _ = try readable(path, asked)
                return .children(hard.nodes.childNames(of: rooted(path)))
            }
        } catch {
            return .failed(error)
        }
    }

    // MARK: Watches by themselves

    private mutating func answerAboutWatches(_ asked: TreeRequest) throws(ZooKeeperError) -> ZooKeeperReply? {
        switch asked.request {
        case .addWatch(let path, let mode):
            guard let mode = AddWatchMode(rawValue: mode) else { throw .marshallingError }
            watches.add(mode == .persistent ? .persistent : .persistentRecursive, path, asked.watcher)
            return .number(0)
        case .checkWatches(let path, let type):
            guard try kinds(type).contains(where: { watches.has($0, path, asked.watcher) }) else { throw .noWatcher }
            return .empty
        case .removeWatches(let path, let type):
            let removed = try kinds(type).filter { watches.remove($0, path, asked.watcher) }
            guard !removed.isEmpty else { throw .noWatcher }
            return .empty
        default: return nil
        }
    }

    private func kinds(_ type: Int32) throws(ZooKeeperError) -> [WatchTable.Kind] {
        switch WatcherType(rawValue: type) {
        case .children: [.child]
        case .data: [.data]
        case .any: WatchTable.Kind.allCases
        case .persistent: [.persistent]
        case .persistentRecursive: [.persistentRecursive]
        case nil: throw .marshallingError
        }
    }

    /// Sets watches again after a reconnect. What changed since the client's last zxid is told at once instead.
    mutating func setWatches(_ paths: WatchedPaths, of watcher: Watcher) -> [ZNodesEffect] {
        var effects: [ZNodesEffect] = []
        func tell(_ kind: WatchedEvent.Kind, _ path: String, _ node: ZNode?) {
            let event = WatchedEvent(kind, path: path)
            effects.append(.notify([watcher], event, zxid: -1, readableBy: node?.acl ?? []))
        }
        for path in paths.data {
            if let node = node(path) {
                if node.mzxid > paths.relativeZxid {
                    tell(.nodeDataChanged, path, node)
                } else {
                    watches.add(.data, path, watcher)
                }
            } else {
                tell(.nodeDeleted, path, nil)
            }
        }
        for path in paths.exist {
            if let node = node(path) {
                tell(.nodeCreated, path, node)
            } else {
                watches.add(.data, path, watcher)
            }
        }
        for path in paths.child {
            if let node = node(path) {
                if node.pzxid > paths.relativeZxid {
                    tell(.nodeChildrenChanged, path, node)
                } else {
                    watches.add(.child, path, watcher)
                }
            } else {
                tell(.nodeDeleted, path, nil)
            }
        }
        for path in paths.persistent { watches.add(.persistent, path, watcher) }
        for path in paths.persistentRecursive { watches.add(.persistentRecursive, path, watcher) }
        return effects
    }
}
