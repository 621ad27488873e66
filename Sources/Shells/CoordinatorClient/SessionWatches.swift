import ZooKeeperProtocol

/// The watches a session holds at its server, as replies and events tell. A new connection starts without any, so they
/// are set again.
struct SessionWatches {
    /// Paths in one request to set watches again: keeps it far below the coordinator's limit of 1 MiB.
    private static let pathsInRequest = 500

    private var data: Set<String> = []
    private var exist: Set<String> = []
    private var child: Set<String> = []
    private var persistent: Set<String> = []
    private var persistentRecursive: Set<String> = []

    /// Takes down what a request left behind. Paths are whole ones, as in the request that was sent.
    mutating func note(_ request: ZooKeeperRequest, answeredWith error: ZooKeeperError) {
        switch (request, error) {
        case (.exists(let path, true), .ok), (.getData(let path, true), .ok): data.insert(path)
        case (.exists(let path, true), .noNode): exist.insert(path)
        case (.getChildren(let path, true), .ok), (.getChildren2(let path, true), .ok): child.insert(path)
        case (.addWatch(let path, let mode), .ok):
            if mode == AddWatchMode.persistentRecursive.rawValue {
                persistentRecursive.insert(path)
            } else {
                persistent.insert(path)
            }
        case (.removeWatches(let path, let type), .ok): remove(path, type)
        default: break
        }
    }

    mutating func remove(_ path: String, _ type: Int32) {
        let type = WatcherType(rawValue: type)
        if type == .data || type == .any {
            data.remove(path)
            exist.remove(path)
        }
        if type == .children || type == .any { child.remove(path) }
        if type == .persistent || type == .any { persistent.remove(path) }
        if type == .persistentRecursive || type == .any { persistentRecursive.remove(path) }
    }

    func kinds(on path: String) -> [WatcherType] {
        var kinds: [WatcherType] = []
        if data.contains(path) || exist.contains(path) { kinds.append(.data) }
        if child.contains(path) { kinds.append(.children) }
        if persistent.contains(path) { kinds.append(.persistent) }
        if persistentRecursive.contains(path) { kinds.append(.persistentRecursive) }
        return kinds
    }

    /// Plain watches fire once.
    mutating func fired(_ event: WatchedEvent) {
        switch event.kind {
        case .nodeCreated, .nodeDataChanged:
            data.remove(event.path)
            exist.remove(event.path)
        case .nodeChildrenChanged: child.remove(event.path)
        case .nodeDeleted:
            data.remove(event.path)
            exist.remove(event.path)
            child.remove(event.path)
        }
    }

    /// What a new connection is sent before anything else. Servers that know no persistent watches do not know the
    /// request for them either, so it is sent only when there are some.
    /// - Parameter zxid: the newest change the session has seen; what plain watches would have told since is told.
    func requests(since zxid: Int64) -> [ZooKeeperRequest] {
        typealias Kind = WritableKeyPath<WatchedPaths, [String]>
        let kinds: [(Kind, Set<String>)] = [
            (\.data, data), (\.exist, exist), (\.child, child), (\.persistent, persistent),
            (\.persistentRecursive, persistentRecursive),
        ]
        var requests: [ZooKeeperRequest] = []
        var next = WatchedPaths(relativeZxid: zxid)
        var count = 0
        func finish() {
            guard count > 0 else { return }
            let isPlain = next.persistent.isEmpty && next.persistentRecursive.isEmpty
            requests.append(isPlain ? .setWatches(next) : .setWatches2(next))
            next = WatchedPaths(relativeZxid: zxid)
            count = 0
        }
        for (kind, paths) in kinds {
            for path in paths.sorted() {
                next[keyPath: kind].append(path)
                count += 1
                if count == Self.pathsInRequest { finish() }
            }
        }
        finish()
        return requests
    }
}
