import ZooKeeperProtocol

/// The folder of the tree that a session sees as its root. Only clients know of it: servers get whole paths.
struct Chroot: Sendable {
    /// Without a `/` at the end; empty when the root is the tree's.
    let folder: String

    /// The folder itself and those above it, the outermost first.
    var folders: [String] {
        var folders: [String] = []
        for name in folder.split(separator: "/") { folders.append("\(folders.last ?? "")/\(name)") }
        return folders
    }

    /// The path as the server knows it.
    func whole(_ path: String) -> String {
        if folder.isEmpty { return path }
        return path == "/" ? folder : folder + path
    }

    /// The path as the session sees it. What lies outside the folder stays as it is.
    func seen(_ path: String) -> String {
        guard !folder.isEmpty, path.hasPrefix(folder) else { return path }
        let rest = path.dropFirst(folder.count)
        if rest.isEmpty { return "/" }
        return rest.hasPrefix("/") ? String(rest) : path
    }

    func whole(_ request: ZooKeeperRequest) -> ZooKeeperRequest {
        if folder.isEmpty { return request }
        switch request {
        case .change(let operation): return .change(whole(operation))
        case .multi(let operations): return .multi(operations.map { whole($0) })
        case .exists(let path, let watch): return .exists(path: whole(path), watch: watch)
        case .getData(let path, let watch): return .getData(path: whole(path), watch: watch)
        case .getACL(let path): return .getACL(path: whole(path))
        case .setACL(let path, let acl, let version):
            return .setACL(path: whole(path), acl: acl, version: version)
        case .getChildren(let path, let watch): return .getChildren(path: whole(path), watch: watch)
        case .getChildren2(let path, let watch): return .getChildren2(path: whole(path), watch: watch)
        case .sync(let path): return .sync(path: whole(path))
        case .checkWatches(let path, let type): return .checkWatches(path: whole(path), type: type)
        case .removeWatches(let path, let type): return .removeWatches(path: whole(path), type: type)
        case .getEphemerals(let prefix): return .getEphemerals(prefix: whole(prefix))
        case .getAllChildrenNumber(let path): return .getAllChildrenNumber(path: whole(path))
        case .addWatch(let path, let mode): return .addWatch(path: whole(path), mode: mode)
        case .multiRead(let reads):
            return .multiRead(
                reads.map { read in
                    switch read {
                    case .getData(let path): .getData(path: whole(path))
                    case .getChildren(let path): .getChildren(path: whole(path))
                    }
                })
        case .setWatches, .setWatches2, .ping, .reconfig, .auth, .sasl, .whoAmI, .closeSession: return request
        }
    }

    private func whole(_ operation: Operation) -> Operation {
        func whole(_ create: CreateOperation) -> CreateOperation {
            var create = create
            create.path = self.whole(create.path)
            return create
        }
        switch operation {
        case .create(let create): return .create(whole(create))
        case .create2(let create): return .create2(whole(create))
        case .createContainer(let create): return .createContainer(whole(create))
        case .createTTL(let create): return .createTTL(whole(create))
        case .delete(let path, let version): return .delete(path: self.whole(path), version: version)
        case .setData(let path, let data, let version):
            return .setData(path: self.whole(path), data: data, version: version)
        case .check(let path, let version): return .check(path: self.whole(path), version: version)
        }
    }

    func seen(_ reply: ZooKeeperReply) -> ZooKeeperReply {
        if folder.isEmpty { return reply }
        switch reply {
        case .path(let path): return .path(seen(path))
        case .pathAndStat(let path, let stat): return .pathAndStat(seen(path), stat)
        // Names of children hold no `/`; ephemeral nodes are told by their paths.
        case .strings(let strings): return .strings(strings.map { seen($0) })
        case .results(let results):
            return .results(
                results.map { result in
                    switch result {
                    case .created(let path): .created(path: seen(path))
                    case .created2(let path, let stat): .created2(path: seen(path), stat)
                    default: result
                    }
                })
        default: return reply
        }
    }
}
