import ZooKeeperProtocol

/// Names a connection as a watcher.
package struct Watcher: Sendable, Hashable, Comparable {
    package var number: UInt64

    package init(_ number: UInt64) { self.number = number }

    package static func < (left: Watcher, right: Watcher) -> Bool { left.number < right.number }
}

/// Who waits for what; belongs to connections, so it is neither logged nor kept.
struct WatchTable: Sendable {
    enum Kind: Int, Sendable, CaseIterable {
        /// Set by `getData` and `exists`; fires once.
        case data
        /// Set by `getChildren`; fires once.
        case child
        case persistent
        case persistentRecursive
    }

    private struct Watch: Sendable, Hashable {
        var kind: Kind
        var path: ExactText
    }

    /// By kind; no empty sets.
    private var watchers = [[ExactText: Set<Watcher>]](repeating: [:], count: Kind.allCases.count)
    /// The same by watcher, for when it goes; no empty sets.
    private var watches: [Watcher: Set<Watch>] = [:]

    mutating func add(_ kind: Kind, _ path: String, _ watcher: Watcher) {
        let path = ExactText(path)
        watchers[kind.rawValue][path, default: []].insert(watcher)
        watches[watcher, default: []].insert(Watch(kind: kind, path: path))
    }

    func has(_ kind: Kind, _ path: String, _ watcher: Watcher) -> Bool {
        watchers[kind.rawValue][ExactText(path)]?.contains(watcher) ?? false
    }

    /// False when there was none.
    @discardableResult
    mutating func remove(_ kind: Kind, _ path: String, _ watcher: Watcher) -> Bool {
        let watch = Watch(kind: kind, path: ExactText(path))
        guard has(kind, path, watcher) else { return false }
        forget(watch, of: watcher)
        forget(watcher, of: watch)
        return true
    }

    mutating func removeAll(of watcher: Watcher) {
        for watch in watches.removeValue(forKey: watcher) ?? [] { forget(watcher, of: watch) }
    }

    private mutating func forget(_ watcher: Watcher, of watch: Watch) {
        watchers[watch.kind.rawValue][watch.path]?.remove(watcher)
        if watchers[watch.kind.rawValue][watch.path]?.isEmpty == true {
            watchers[watch.kind.rawValue][watch.path] = nil
        }
    }

    private mutating func forget(_ watch: Watch, of watcher: Watcher) {
        watches[watcher]?.remove(watch)
        if watches[watcher]?.isEmpty == true { watches[watcher] = nil }
    }

    /// Whom a change at `path` concerns, ascending; standard watches among them have fired then.
    mutating func fire(_ event: WatchedEvent.Kind, at path: String) -> [Watcher] {
        if isEmpty { return [] }
        let exact = ExactText(path)
        var concerned: Set<Watcher> = []
        let firing: [Kind] =
            switch event {
            case .nodeCreated, .nodeDataChanged: [.data]
            case .nodeDeleted: [.data, .child]
            case .nodeChildrenChanged: [.child]
            }
        for kind in firing {
            guard let fired = watchers[kind.rawValue].removeValue(forKey: exact) else { continue }
            let watch = Watch(kind: kind, path: exact)
            for watcher in fired { forget(watch, of: watcher) }
            concerned = concerned.isEmpty ? fired : concerned.union(fired)
        }
        concerned.formUnion(self[.persistent][exact] ?? [])
        let recursive = self[.persistentRecursive]
        if event != .nodeChildrenChanged, !recursive.isEmpty {
            var above: String? = path
            while let path = above {
                concerned.formUnion(recursive[ExactText(path)] ?? [])
                above = NodePath.parent(of: path)
            }
        }
        return concerned.sorted()
    }

    private subscript(kind: Kind) -> [ExactText: Set<Watcher>] { watchers[kind.rawValue] }

    // MARK: What there is

    var isEmpty: Bool { watches.isEmpty }

    /// The watches that fire once on data, as Apache ZooKeeper's words show them.
    var dataWatches: [ExactText: Set<Watcher>] { self[.data] }

    var total: Int { watches.values.reduce(0) { $0 + $1.count } }
}
