import NIOCore
import Testing
import ZooKeeperProtocol

@testable import ZNodes

/// The digest of a tree, which changes with every change.
@Suite struct DigestTests {
    private func changed(_ seed: UInt64, keepsDigest: Bool = true) -> TestTree {
        var random = SeededRandom(seed: seed)
        var tree = TestTree { $0.keepsDigest = keepsDigest }
        _ = tree.create("/zookeeper/quota/a")
        _ = tree.create("/zookeeper/quota/a/zookeeper_limits", data: "count=100,bytes=-1")
        _ = tree.create("/zookeeper/quota/a/zookeeper_stats", data: "count=0,bytes=0")
        for step in 0..<300 {
            let depth = Int.random(in: 1...3, using: &random)
            let path = (0..<depth).map { _ in "/" + (["a", "b", "c"].randomElement(using: &random) ?? "a") }.joined()
            switch Int.random(in: 0..<8, using: &random) {
            case 0..<3:
                let modes: [CreateMode] = [.persistent, .ephemeral, .persistentSequential, .container]
                _ = tree.create(path, modes.randomElement(using: &random) ?? .persistent, data: "\(step)")
            case 3: _ = tree.delete(path, version: -1)
            case 4, 5: _ = tree.set(path, "\(step)", version: -1)
            case 6: _ = tree.ask(.setACL(path: path, acl: ACL.open, version: -1))
            default:
                tree.perform(.sessionClosed(1))
                tree.perform(.sessionAsked(1, timeoutInMilliseconds: 10_000))
            }
        }
        return tree
    }

    @Test(arguments: 1...20) func itIsThatOfTheNodesThereAre(_ seed: UInt64) throws {
        let tree = changed(seed).tree
        let digest = try #require(tree.hard.digest)
        var anew = changed(seed, keepsDigest: false).tree.hard
        #expect(anew.digest == nil)
        anew.keepDigest()
        #expect(anew.digest == digest)
        #expect(digest != TestTree { $0.keepsDigest = true }.tree.hard.digest)
    }

    @Test func someAreRemembered() throws {
        var tree = TestTree { $0.keepsDigest = true }
        while tree.tree.lastZxid < 128 * 1030 { _ = tree.create("/s-", .persistentSequential) }
        let digests = tree.tree.digests
        #expect(digests.count == 1024 && digests.last?.zxid == 128 * 1030)
        #expect(digests.last?.digest == tree.tree.hard.digest?.value)
        #expect(tree.tree.digest(at: 128 * 1000) == digests[1024 - 31])
        #expect(tree.tree.digest(at: 128) == nil && tree.tree.digest(at: 128 * 1000 + 1) == nil)
        #expect(TestTree().tree.digests.isEmpty)
    }
}
