import NIOCore
import Testing
import ZooKeeperProtocol

@testable import ZNodes

@Suite struct QuotaTests {
    private var tree = TestTree { $0.enforcesQuotas = true }

    /// As Apache ZooKeeper's shell sets a quota: its limits, then the node for its use.
    private mutating func limit(_ path: String, _ limits: String) {
        var above = "/zookeeper/quota"
        for name in path.split(separator: "/") {
            above += "/\(name)"
            _ = tree.create(above)
        }
        #expect(tree.create("\(above)/zookeeper_limits", data: limits) == .success(.path("\(above)/zookeeper_limits")))
        _ = tree.create("\(above)/zookeeper_stats", data: "count=0,bytes=0")
    }

    private mutating func data(_ path: String) throws -> String {
        guard case .data(let data, _) = try tree.ask(.getData(path: path, watch: false)).get() else { return "" }
        return data.map(String.init(buffer:)) ?? "null"
    }

    private mutating func use(_ path: String) throws -> String { try data("/zookeeper/quota\(path)/zookeeper_stats") }

    private static func nodes(_ count: Int) -> String { "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=\(count)" }
    private static func bytes(_ count: Int) -> String { "count=-1,bytes=-1=;byteHardLimit=\(count);countHardLimit=-1" }

    @Test mutating func useIsCountedFromTheStartAndKept() throws {
        _ = tree.create("/a", data: "12345")
        _ = tree.create("/a/b", data: "123")
        _ = tree.create("/ab", data: "1")
        limit("/a", "count=100,bytes=100")
        #expect(try use("/a") == "count=2,bytes=8")
        let before = tree.stat("/zookeeper/quota/a/zookeeper_stats")
        _ = tree.create("/a/b/c", .ephemeral, data: "1234")
        #expect(try use("/a") == "count=3,bytes=12")
        _ = tree.set("/a/b", "1")
        #expect(try use("/a") == "count=3,bytes=10")
        _ = tree.set("/a", "")
        #expect(try use("/a") == "count=3,bytes=5")
        tree.perform(.sessionClosed(1))
        #expect(try use("/a") == "count=2,bytes=1")
        _ = tree.delete("/a/b")
        _ = tree.set("/ab", "much more")
        #expect(try use("/a") == "count=1,bytes=0")
        var after = tree.stat("/zookeeper/quota/a/zookeeper_stats")
        after?.dataLength = before?.dataLength ?? 0
        #expect(after == before)
    }

    @Test mutating func theNearestQuotaAloneCounts() throws {
        _ = tree.create("/a")
        _ = tree.create("/a/b")
        limit("/a", "count=100,bytes=100")
        limit("/a/b", "count=100,bytes=100")
        _ = tree.create("/a/b/c", data: "12")
        _ = tree.create("/a/d")
        #expect(try use("/a") == "count=3,bytes=0")
        #expect(try use("/a/b") == "count=2,bytes=2")
        _ = tree.delete("/zookeeper/quota/a/b/zookeeper_limits")
        _ = tree.create("/a/b/e")
        #expect(try use("/a") == "count=4,bytes=0")
        #expect(try use("/a/b") == "count=2,bytes=2")
    }

    @Test mutating func hardLimitsRefuse() throws {
        _ = tree.create("/a")
        limit("/a", Self.nodes(2))
        #expect(tree.create("/a/1") == .success(.path("/a/1")))
        #expect(tree.create("/a/2") == .failure(.quotaExceeded))
        #expect(tree.create("/b") == .success(.path("/b")))
        // What is wrong besides is told first, as Apache ZooKeeper does it.
        #expect(tree.create("/a/1") == .failure(.nodeExists))
        #expect(tree.set("/a/1", "long", version: 7) == .failure(.badVersion))
        _ = tree.delete("/a/1")
        #expect(tree.create("/a/2") == .success(.path("/a/2")))
    }

    @Test mutating func hardLimitsOfBytesRefuse() throws {
        _ = tree.create("/a", data: "12")
        limit("/a", Self.bytes(5))
        #expect(tree.create("/a/b", data: "1234") == .failure(.quotaExceeded))
        #expect(tree.create("/a/b", data: "123") == .success(.path("/a/b")))
        // The version is looked at after the quota.
        #expect(tree.set("/a", "123", version: 7) == .failure(.quotaExceeded))
        #expect(tree.set("/a", "1", version: 7) == .failure(.badVersion))
        _ = try tree.set("/a", "1").get()
        #expect(try use("/a") == "count=2,bytes=4")
    }

    @Test mutating func aMultiCountsWhatItHasDoneItself() throws {
        _ = tree.create("/a")
        limit("/a", Self.nodes(3))
        func create(_ path: String) -> Operation {
            .create(CreateOperation(path: path, data: nil, acl: ACL.open, mode: .persistent))
        }
        let answer = tree.ask(.multi([create("/a/1"), create("/a/2"), create("/a/3")]))
        #expect(answer == .success(.results([.failed(.ok), .failed(.ok), .failed(.quotaExceeded)])))
        #expect(try use("/a") == "count=1,bytes=0")
        let exchange: [Operation] = [
            create("/a/1"), create("/a/2"), .delete(path: "/a/1", version: -1), create("/a/3"),
        ]
        #expect(
            tree.ask(.multi(exchange))
                == .success(
                    .results([
                        .created(path: "/a/1"), .created(path: "/a/2"), .deleted, .created(path: "/a/3"),
                    ])))
        #expect(try use("/a") == "count=3,bytes=0")
    }

    @Test mutating func limitsThatNobodyEnforcesAreToldWhenTheyArePassed() throws {
        tree = TestTree()
        _ = tree.create("/a")
        limit("/a", "count=2,bytes=3=;byteHardLimit=2;countHardLimit=-1")
        func excesses(_ path: String, data: String) -> [QuotaExcess] {
            let create = CreateOperation(
                path: path, data: ByteBuffer(string: data), acl: ACL.open, mode: .persistent)
            let asked = TreeRequest(
                session: 1, watcher: Watcher(1), identities: [], request: .change(.create(create)))
            return tree.perform(.requested(asked)).compactMap { effect in
                if case .quotaExceeded(let excess) = effect { excess } else { nil }
            }
        }
        #expect(excesses("/a/1", data: "1") == [])
        #expect(
            excesses("/a/2", data: "23") == [
                QuotaExcess(path: "/a", measure: .nodes, isHard: false, limit: 2, used: 3),
                QuotaExcess(path: "/a", measure: .bytes, isHard: true, limit: 2, used: 3),
            ])
        #expect(excesses("/a/3", data: "3") == [])
        #expect(try use("/a") == "count=4,bytes=4")
    }

    /// What clients may write there is anything.
    @Test(arguments: ["", "count", "count=,bytes=x", "=;,", "count=9223372036854775807", "\u{0}\u{ff}", "a=1=2;b=3"])
    mutating func nonsenseLimitsNothing(_ text: String) throws {
        _ = tree.create("/a")
        limit("/a", text)
        _ = tree.set("/zookeeper/quota/a/zookeeper_stats", text)
        #expect(tree.create("/a/b", data: "x") == .success(.path("/a/b")))
        #expect(
            tree.create("/zookeeper/quota/zookeeper_limits") == .success(.path("/zookeeper/quota/zookeeper_limits")))
        #expect(tree.create("/c") == .success(.path("/c")))
    }

    @Test mutating func quotasOutliveASnapshot() throws {
        _ = tree.create("/a")
        limit("/a", Self.nodes(2))
        var loader = TreeLoader()
        for chunk in tree.tree.hard.snapshotChunks() { try loader.load(chunk) }
        let restored = try loader.finish()
        #expect(restored == tree.tree.hard)
        #expect(restored.quotas.governing("/a/b/c") == "/a")
    }

    @Test mutating func theSizeOfAllDataKnowsOfIt() throws {
        _ = tree.create("/a")
        limit("/a", Self.nodes(200))
        for number in 0..<20 { _ = tree.create("/a/\(number)", data: "x") }
        var size = 0
        tree.tree.hard.nodes.forEach { path, node, _ in size += path.utf8.count + (node.dataLength ?? 0) }
        #expect(tree.tree.hard.dataSize == size)
    }
}
