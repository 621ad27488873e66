import Testing
import ZooKeeperProtocol

@testable import ZNodes

/// The table against a list of all watches.
@Suite struct WatchTableTests {
    private struct Watch: Hashable {
        var kind: WatchTable.Kind
        var path: String
        var watcher: Watcher
    }

    /// Whom a change concerns, by the rules alone.
    private func concerned(_ event: WatchedEvent.Kind, _ path: String, _ watches: Set<Watch>) -> Set<Watch> {
        watches.filter { watch in
            switch watch.kind {
            case .data: watch.path == path && event != .nodeChildrenChanged
            case .child: watch.path == path && (event == .nodeChildrenChanged || event == .nodeDeleted)
            case .persistent: watch.path == path
            case .persistentRecursive:
                event != .nodeChildrenChanged
                    && (watch.path == path || watch.path == "/" || path.hasPrefix(watch.path + "/"))
            }
        }
    }

    @Test(arguments: 1...20) func aDumbListFiresTheSame(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = WatchTable()
        var list: Set<Watch> = []
        let paths = ["/", "/a", "/a/b", "/a/b/c", "/ab"]
        let events: [WatchedEvent.Kind] = [.nodeCreated, .nodeDeleted, .nodeDataChanged, .nodeChildrenChanged]
        for _ in 0..<2000 {
            let watch = Watch(
                kind: WatchTable.Kind.allCases.randomElement(using: &random) ?? .data,
                path: paths.randomElement(using: &random) ?? "/",
                watcher: Watcher(.random(in: 1...5, using: &random)))
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<12:
                table.add(watch.kind, watch.path, watch.watcher)
                list.insert(watch)
            case 12..<14:
                let isThere = list.remove(watch) != nil
                #expect(table.has(watch.kind, watch.path, watch.watcher) == isThere)
                let isRemoved = table.remove(watch.kind, watch.path, watch.watcher)
                #expect(isRemoved == isThere)
            case 14:
                table.removeAll(of: watch.watcher)
                list = list.filter { $0.watcher != watch.watcher }
            default:
                let event = events.randomElement(using: &random) ?? .nodeCreated
                let wanted = concerned(event, watch.path, list)
                let fired = table.fire(event, at: watch.path)
                #expect(fired == Set(wanted.map(\.watcher)).sorted())
                list.subtract(wanted.filter { $0.kind == .data || $0.kind == .child })
            }
            #expect(table.total == list.count && table.isEmpty == list.isEmpty)
        }
        #expect(Set(table.dataWatches.keys.map(\.string)) == Set(list.filter { $0.kind == .data }.map(\.path)))
    }
}
