import NIOCore
import Seams
import Testing
import ZooKeeperProtocol

@testable import ZNodes

@Suite struct ChangeTests {
    private var tree = TestTree()

    @Test mutating func aNewTreeIsThatOfZooKeeper() {
        #expect(tree.tree.nodeCount == 5)
        #expect(tree.ask(.getChildren(path: "/", watch: false)) == .success(.strings(["zookeeper"])))
        #expect(tree.ask(.getAllChildrenNumber(path: "/")) == .success(.number(3)))
    }

    @Test mutating func factsFollowEveryChange() throws {
        #expect(tree.create("/a", data: "one") == .success(.path("/a")))
        let found = tree.stat("/a")
        let created = try #require(found)
        #expect(created.czxid == 4 && created.mzxid == 4 && created.pzxid == 4 && created.dataLength == 3)
        tree.now = tree.now + .seconds(1)
        guard case .success(.stat(let set)) = tree.set("/a", "four", version: 0) else {
            Issue.record("not set")
            return
        }
        #expect(set.mzxid == 5 && set.version == 1 && set.mtime == created.mtime + 1000 && set.ctime == created.ctime)
        _ = tree.create("/a/b")
        _ = tree.create("/a/c")
        _ = tree.delete("/a/b")
        let foundAgain = tree.stat("/a")
        let parent = try #require(foundAgain)
        #expect(parent.cversion == 3 && parent.numChildren == 1 && parent.pzxid == 8 && parent.mzxid == 5)
    }

    @Test mutating func everyFaultHasItsCode() {
        _ = tree.create("/a")
        _ = tree.create("/a/b")
        _ = tree.create("/e", .ephemeral)
        #expect(tree.create("/a") == .failure(.nodeExists))
        #expect(tree.create("/") == .failure(.nodeExists))
        #expect(tree.create("/x/y") == .failure(.noNode))
        #expect(tree.create("/e/f") == .failure(.noChildrenForEphemerals))
        #expect(tree.create("/n", acl: []) == .failure(.invalidACL))
        #expect(tree.create("/n", session: 9) == .failure(.sessionExpired))
        #expect(tree.create("/t", .persistentWithTTL, ttl: 0) == .failure(.badArguments))
        #expect(tree.delete("/a") == .failure(.notEmpty))
        #expect(tree.delete("/a/b", version: 3) == .failure(.badVersion))
        #expect(tree.delete("/zookeeper/quota") == .failure(.badArguments))
        #expect(tree.set("/x", "") == .failure(.noNode))
        #expect(tree.ask(.getData(path: "/x", watch: true)) == .failure(.noNode))
        #expect(tree.ask(.change(.check(path: "/a", version: 0))) == .failure(.unimplemented))
    }

    @Test mutating func namesAreComparedByTheirBytes() {
        // Both are an e with an accent; of one scalar, and of two.
        #expect(tree.create("/\u{e9}") == .success(.path("/\u{e9}")))
        #expect(tree.stat("/e\u{301}") == nil)
        #expect(tree.create("/e\u{301}", .ephemeral) == .success(.path("/e\u{301}")))
        #expect(tree.stat("/")?.numChildren == 3)
        _ = tree.ask(.exists(path: "/\u{e9}", watch: true), session: 2)
        _ = tree.set("/e\u{301}", "")
        #expect(tree.told == [])
        #expect(tree.ask(.getEphemerals(prefix: "/e")) == .success(.strings(["/e\u{301}"])))
        _ = tree.set("/\u{e9}", "")
        #expect(tree.told == ["2:nodeDataChanged:/\u{e9}"])
    }

    @Test mutating func theRootHasSequentialChildren() {
        #expect(tree.create("/", .persistentSequential) == .success(.path("/0000000000")))
        #expect(tree.create("/0000000000/", .persistentSequential) == .success(.path("/0000000000/0000000000")))
    }

    @Test mutating func noSweepDeletesMoreThanItMay() {
        tree = TestTree { $0.deletionsPerSweep = 2 }
        for name in ["a", "b", "c"] { _ = tree.create("/\(name)", .persistentWithTTL, ttl: 1) }
        for expected in [3, 1, 0, 0] {
            #expect(["/a", "/b", "/c"].filter { tree.stat($0) != nil }.count == expected)
            tree.pass(.seconds(60))
        }
    }

    /// A node that lives with its session ends with it, and those whose time is up go in one order.
    @Test mutating func sessionsExpireByDeadlineThenById() {
        for session: Int64 in [3, 2, 1] { tree.tree.touch(session: session, at: tree.now) }
        tree.perform(.sessionAsked(9, timeoutInMilliseconds: 4000))
        tree.tree.touch(session: 9, at: tree.now)
        tree.now = tree.now + .seconds(60)
        let expired: [Int64] = tree.perform(.ticked).compactMap { effect in
            guard case .sessionExpired(let session, _) = effect else { return nil }
            return session
        }
        #expect(expired == [9, 1, 2, 3])
        #expect(tree.tree.sessions == [])
        #expect(tree.perform(.ticked) == [])
    }

    @Test mutating func aFailedAttemptUsesUpItsZxid() {
        let before = tree.tree.lastZxid
        _ = tree.delete("/x")
        #expect(tree.tree.lastZxid == before + 1)
    }

    @Test(arguments: [
        "a", "/a/", "//", "/a//b", "/.", "/..", "/a/.", "/a/../b", "/a\u{0}", "/a\u{1f}", "/\u{7f}", "/\u{f000}",
        "/\u{1f600}",
    ])
    mutating func aBrokenPathIsRefused(_ path: String) {
        #expect(!NodePath.isValid(path))
        _ = tree.create("/a")
        #expect(tree.create(path) != .success(.path(path)))
        let isText = !path.utf8.contains(0)
        #expect(tree.ask(.exists(path: path, watch: true)) == .failure(isText ? .noNode : .badArguments))
        #expect(tree.delete(path) == .failure(path == "a" || !isText ? .badArguments : .noNode))
        #expect(tree.ask(.getData(path: path, watch: true)) == .failure(.noNode))
        #expect(tree.set(path, "") == .failure(.badArguments))
    }

    /// As Apache ZooKeeper has it.
    @Test mutating func readsOfNothingAreOfTheRoot() {
        _ = tree.create("/a")
        #expect(tree.stat("") == tree.stat("/"))
        #expect(tree.ask(.getChildren(path: "", watch: false)) == .success(.strings(["a", "zookeeper"])))
        #expect(tree.ask(.getAllChildrenNumber(path: "/")) == .success(.number(4)))
        #expect(tree.ask(.getAllChildrenNumber(path: "")) == .success(.number(5)))
        #expect(tree.create("") == .failure(.badArguments) && tree.set("", "") == .failure(.badArguments))
    }

    /// In a multi the flags alone say what is created, and what the result looks like.
    @Test mutating func flagsRuleInsideAMulti() throws {
        func create(_ path: String, _ mode: CreateMode, ttl: Int64 = 0) -> CreateOperation {
            CreateOperation(path: path, data: nil, acl: ACL.open, mode: mode, ttl: ttl)
        }
        let operations: [ZooKeeperProtocol.Operation] = [
            .create2(create("/1", .persistent)), .create(create("/2", .container)),
            .createContainer(create("/3", .persistent)), .createTTL(create("/4", .persistent)),
            .createTTL(create("/5", .persistentWithTTL, ttl: 5)),
        ]
        guard case .results(let results) = try tree.ask(.multi(operations)).get() else {
            Issue.record("no results")
            return
        }
        let hasStat = results.map { if case .created2 = $0 { true } else { false } }
        #expect(hasStat == [false, true, false, false, true])
        let lacking = tree.ask(.multi([.create(create("/6", .persistentWithTTL))]))
        #expect(lacking == .failure(.marshallingError))
    }

    @Test mutating func aContainersOtherFlagsAreItsSequenceAlone() {
        func create(_ mode: CreateMode) -> Result<String, ZooKeeperError> {
            let create = CreateOperation(path: "/c", data: nil, acl: ACL.open, mode: mode, ttl: 5)
            return tree.ask(.change(.createContainer(create))).map { reply in
                if case .pathAndStat(let path, let stat) = reply, stat.ephemeralOwner == 0 { path } else { "" }
            }
        }
        #expect(create(.ephemeral) == .success("/c"))
        #expect(create(.persistentSequential) == .success("/c0000000001"))
        #expect(create(.persistentWithTTL) == .failure(.badArguments))
        tree = TestTree { $0.allowsTTL = false }
        #expect(create(.persistentWithTTL) == .failure(.unimplemented))
    }

    @Test(arguments: ["/", "/a", "/...", "/.a", "/a..b/c.", "/ü/日本"])
    func anOrdinaryPathIsNot(_ path: String) { #expect(NodePath.isValid(path)) }

    @Test mutating func sequencesCountAllChildrenEverCreated() {
        _ = tree.create("/q")
        _ = tree.create("/q/plain")
        #expect(tree.create("/q/n-", .persistentSequential) == .success(.path("/q/n-0000000001")))
        _ = tree.delete("/q/n-0000000001")
        #expect(tree.create("/q/", .ephemeralSequential) == .success(.path("/q/0000000002")))
        #expect(NodePath.sequence(.max) == "2147483647")
        #expect(NodePath.sequence(.min) == "-2147483648")
    }

    @Test mutating func aMultiIsAllOrNothing() {
        let create = CreateOperation(path: "/m", data: nil, acl: ACL.open, mode: .persistent)
        var below = create
        below.path = "/m/n"
        let sound: [ZooKeeperProtocol.Operation] = [
            .create(create), .create2(below), .check(path: "/m", version: 0),
            .setData(path: "/m", data: nil, version: 0), .delete(path: "/m/n", version: -1),
        ]
        let before = tree.tree.lastZxid
        #expect(
            tree.ask(.multi(sound + [.check(path: "/m", version: 7), .delete(path: "/m", version: -1)]))
                == .success(
                    .results(
                        Array(repeating: .failed(.ok), count: 5) + [
                            .failed(.badVersion), .failed(.runtimeInconsistency),
                        ])))
        #expect(tree.stat("/m") == nil)
        guard case .success(.results(let results)) = tree.ask(.multi(sound)) else {
            Issue.record("no results")
            return
        }
        #expect(results.count == 5)
        #expect(results[0] == .created(path: "/m"))
        #expect(tree.stat("/m")?.version == 1)
        #expect(tree.stat("/m")?.cversion == 2)
        #expect(tree.tree.lastZxid == before + 2)
    }

    @Test mutating func whatASessionOwnsGoesWithIt() {
        _ = tree.create("/e", .ephemeral, session: 2)
        #expect(tree.stat("/e")?.ephemeralOwner == 2)
        #expect(tree.ask(.getEphemerals(prefix: "/"), session: 2) == .success(.strings(["/e"])))
        tree.perform(.sessionClosed(2))
        #expect(tree.stat("/e") == nil)
        #expect(tree.tree.timeoutInMilliseconds(ofSession: 2) == nil)
    }

    @Test mutating func aSilentSessionExpires() {
        _ = tree.create("/e", .ephemeral, session: 2)
        tree.pass(.seconds(9))
        tree.tree.touch(session: 1, at: tree.now)
        tree.tree.touch(session: 3, at: tree.now)
        tree.pass(.milliseconds(1500))
        #expect(tree.stat("/e") != nil)
        tree.pass(.milliseconds(1500))
        #expect(tree.stat("/e") == nil)
        #expect(tree.tree.sessions == [1, 3])
    }

    @Test mutating func containersAndOldNodesAreSwept() {
        _ = tree.create("/used", .container)
        _ = tree.create("/used/x")
        _ = tree.delete("/used/x")
        _ = tree.create("/unused", .container)
        _ = tree.create("/old", .persistentWithTTL, ttl: 5000)
        for session: Int64 in 1...3 { tree.tree.touch(session: session, at: tree.now) }
        tree.pass(.seconds(1))
        #expect(tree.stat("/used") == nil)
        #expect(tree.stat("/unused")?.ephemeralOwner == 0)
        #expect(tree.stat("/old") != nil)
        tree.pass(.seconds(61))
        #expect(tree.stat("/old") == nil)
        #expect(tree.stat("/unused") != nil)
    }

    @Test mutating func containersThatAreNeverUsedMayBeSweptToo() {
        tree = TestTree {
            $0.longestUnusedTimeInMilliseconds = 100_000
            $0.deletionsPerSweep = 1
        }
        for number in 1...3 { _ = tree.create("/\(number)", .container) }
        tree.pass(.seconds(99))
        #expect(tree.stat("/1") != nil)
        tree.pass(.seconds(61))
        #expect(tree.stat("/1") == nil && tree.stat("/2") != nil)
        tree.pass(.seconds(60))
        tree.pass(.seconds(60))
        #expect(tree.stat("/3") == nil)
    }
}
