import ZooKeeperProtocol

/// Names a connection as a watcher.
package struct Watcher: Sendable, Hashable, Comparable {
    package var number: UInt64

    package init(_ number: UInt64) { self.number = number }

    package static func < (left: Watcher, right: Watcher) -> Bool { left.number < right.number }
}

/// Who waits for what; belongs to connections, so it is neither logged nor kept.
struct WatchTable: Sendable {
    enum Kind: Sendable, CaseIterable {
        /// Set by `getData` and `exists`; fires once.
        case data
        /// Set by `getChildren`; fires once.
        case child
        case persistent
        case persistentRecursive
    }

    private var tables: [Kind: [ExactText: Set<Watcher>]] = [:]
    /// The paths of each watcher, by kind, for when it goes.
    private var paths: [Watcher: [Kind: Set<ExactText>]] = [:]

    mutating func add(_ kind: Kind, _ path: String, _ watcher: Watcher) {
        let path = ExactText(path)
        tables[kind, default: [:]][path, default: []].insert(watcher)
        paths[watcher, default: [:]][kind, default: []].insert(path)
    }

    func has(_ kind: Kind, _ path: String, _ watcher: Watcher) -> Bool {
        tables[kind]?[ExactText(path)]?.contains(watcher) ?? false
    }

    /// False when there was none.
    @discardableResult
    mutating func remove(_ kind: Kind, _ path: String, _ watcher: Watcher) -> Bool {
        let path = ExactText(path)
        guard tables[kind]?[path]?.remove(watcher) != nil else { return false }
        if tables[kind]?[path]?.isEmpty == true { tables[kind]?[path] = nil }
        paths[watcher]?[kind]?.remove(path)
        if paths[watcher]?[kind]?.isEmpty == true { paths[watcher]?[kind] = nil }
        if paths[watcher]?.isEmpty == true { paths[watcher] = nil }
        return true
    }

    mutating func removeAll(of watcher: Watcher) {
        for (kind, paths) in paths.removeValue(forKey: watcher) ?? [:] {
            for path in paths {
                tables[kind]?[path]?.remove(watcher)
                if tables[kind]?[path]?.isEmpty == true { tables[kind]?[path] = nil }
            }
        }
    }

    /// Whom a change at `path` concerns, ascending; standard watches among them have fired then.
    mutating func fire(_ event: WatchedEvent.Kind, at path: String) -> [Watcher] {
        if paths.isEmpty { return [] }
        let exact = ExactText(path)
        var watchers: Set<Watcher> = []
        let firing: [Kind] =
            switch event {
            case .nodeCreated, .nodeDataChanged: [.data]
            case .nodeDeleted: [.data, .child]
            case .nodeChildrenChanged: [.child]
            }
        for kind in firing {
            for watcher in tables[kind]?[exact] ?? [] {
                watchers.insert(watcher)
                remove(kind, path, watcher)
            }
        }
        watchers.formUnion(tables[.persistent]?[exact] ?? [])
        if event != .nodeChildrenChanged, let recursive = tables[.persistentRecursive], !recursive.isEmpty {
            var above: String? = path
            while let path = above {
                watchers.formUnion(recursive[ExactText(path)] ?? [])
                above = NodePath.parent(of: path)
            }
        }
        return watchers.sorted()
    }

    // MARK: What there is

    /// The watches that fire once on data, as Apache ZooKeeper's words show them.
    var dataWatches: [ExactText: Set<Watcher>] { tables[.data] ?? [:] }

    var total: Int { tables.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.count } } }
}
