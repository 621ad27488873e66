import Testing
import ZooKeeperProtocol

@testable import ZNodes

@Suite struct WatchTests {
    private var tree = TestTree()

    @Test mutating func standardWatchesFireOnce() {
        _ = tree.ask(.exists(path: "/a", watch: true), session: 2)
        _ = tree.create("/a")
        #expect(tree.told == ["2:nodeCreated:/a"])
        _ = tree.ask(.getData(path: "/a", watch: true), session: 2)
        _ = tree.ask(.getChildren(path: "/a", watch: true), session: 2)
        _ = tree.create("/a/b")
        #expect(tree.told == ["2:nodeChildrenChanged:/a"])
        _ = tree.create("/a/c")
        #expect(tree.told == [])
        _ = tree.set("/a", "")
        #expect(tree.told == ["2:nodeDataChanged:/a"])
        _ = tree.set("/a", "")
        #expect(tree.told == [])
    }

    @Test mutating func aDeletionIsToldOnceThoughBothKindsWereSet() {
        _ = tree.create("/a")
        _ = tree.ask(.getData(path: "/a", watch: true), session: 2)
        _ = tree.ask(.getChildren2(path: "/a", watch: true), session: 2)
        _ = tree.ask(.getChildren(path: "/", watch: true), session: 3)
        _ = tree.delete("/a")
        #expect(tree.told == ["2:nodeDeleted:/a", "3:nodeChildrenChanged:/"])
    }

    @Test mutating func persistentWatchesStay() {
        _ = tree.ask(.addWatch(path: "/a", mode: 0), session: 2)
        _ = tree.ask(.addWatch(path: "/a", mode: 1), session: 3)
        for _ in 0..<2 {
            _ = tree.create("/a")
            #expect(tree.told == ["2:nodeCreated:/a", "3:nodeCreated:/a"])
            _ = tree.create("/a/b")
            #expect(tree.told == ["3:nodeCreated:/a/b", "2:nodeChildrenChanged:/a"])
            _ = tree.set("/a/b", "")
            #expect(tree.told == ["3:nodeDataChanged:/a/b"])
            _ = tree.delete("/a/b")
            #expect(tree.told == ["3:nodeDeleted:/a/b", "2:nodeChildrenChanged:/a"])
            _ = tree.delete("/a")
        }
        #expect(tree.ask(.removeWatches(path: "/a", type: 4), session: 2) == .success(.empty))
        #expect(tree.ask(.removeWatches(path: "/a", type: 4), session: 2) == .failure(.noWatcher))
        #expect(tree.ask(.checkWatches(path: "/a", type: 3), session: 3) == .success(.empty))
        tree.tree.forget(Watcher(3))
        _ = tree.create("/a")
        #expect(tree.told == [])
        #expect(tree.tree.watchCount == 0)
    }

    @Test mutating func eventsOfAMultiComeInItsOrder() {
        _ = tree.ask(.addWatch(path: "/", mode: 1), session: 2)
        _ = tree.ask(
            .multi([
                .create(CreateOperation(path: "/a", data: nil, acl: ACL.open, mode: .persistent)),
                .setData(path: "/a", data: nil, version: -1), .delete(path: "/a", version: -1),
            ]))
        #expect(tree.told == ["2:nodeCreated:/a", "2:nodeDataChanged:/a", "2:nodeDeleted:/a"])
    }

    @Test mutating func whatChangedBeforeAReconnectIsToldAtOnce() {
        _ = tree.create("/same")
        _ = tree.create("/set")
        _ = tree.create("/parent")
        _ = tree.create("/gone")
        let seen = tree.tree.lastZxid
        _ = tree.set("/set", "")
        _ = tree.create("/parent/child")
        _ = tree.create("/new")
        _ = tree.delete("/gone")
        var paths = WatchedPaths(relativeZxid: seen)
        paths.data = ["/same", "/set", "/gone"]
        paths.exist = ["/new", "/later"]
        paths.child = ["/same", "/parent"]
        #expect(tree.ask(.setWatches(paths), session: 2) == .success(.empty))
        #expect(
            tree.told == [
                "2:nodeDataChanged:/set", "2:nodeDeleted:/gone", "2:nodeCreated:/new", "2:nodeChildrenChanged:/parent",
            ])
        _ = tree.create("/later")
        #expect(tree.told == ["2:nodeCreated:/later"])
        _ = tree.set("/same", "")
        #expect(tree.told == ["2:nodeDataChanged:/same"])
    }
}
