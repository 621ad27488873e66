import NIOCore
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import ZNodes

@Suite struct ReplayTests {
    /// What a seed makes happen.
    private func life(_ seed: UInt64) -> TestTree {
        var random = SeededRandom(seed: seed)
        var tree = TestTree()
        func path() -> String {
            (0..<Int.random(in: 1...3, using: &random)).map { _ in
                "/\(["a", "b", "c"].randomElement(using: &random) ?? "a")"
            }
            .joined()
        }
        for _ in 0..<200 {
            let session = Int64.random(in: 1...3, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                let mode = CreateMode.allCases.randomElement(using: &random) ?? .persistent
                _ = tree.create(path(), mode, data: "x", session: session, ttl: 1000)
            case 4: _ = tree.delete(path())
            case 5: _ = tree.set(path(), String(repeating: "y", count: Int.random(in: 0...9, using: &random)))
            case 6: _ = tree.ask(.setACL(path: path(), acl: [ACL(.all, .anyone), ACL(.read, .anyone)], version: -1))
            case 7:
                let operations = (0..<3).map { _ in ZooKeeperProtocol.Operation.delete(path: path(), version: -1) }
                _ = tree.ask(.multi(operations))
            case 8 where Int.random(in: 0..<10, using: &random) == 0:
                tree.perform(.sessionClosed(session))
                tree.perform(.sessionAsked(session, timeoutInMilliseconds: 10_000))
            default: tree.pass(.milliseconds(Int.random(in: 0...900, using: &random)))
            }
        }
        return tree
    }

    @Test(arguments: 1...50) func recordsMakeTheSameTreeAgain(_ seed: UInt64) throws {
        let tree = life(seed)
        var replayed = ZNodes(ZNodesSettings())
        var effects: [ZNodesEffect] = []
        for record in tree.records {
            var writer = WireWriter()
            record.write(to: &writer)
            let read = try WireReader.read(writer.buffer()) { reader throws(MalformedInput) in
                let record = try TreeRecord(reading: &reader)
                try reader.finish()
                return record
            }
            #expect(read == record)
            replayed.apply(read, into: &effects)
        }
        #expect(replayed.hard == tree.tree.hard)
    }

    @Test(arguments: 1...50) func aSnapshotMakesTheSameTreeAgain(_ seed: UInt64) throws {
        let tree = life(seed)
        var loader = TreeLoader()
        var chunks: [ByteBuffer] = []
        for chunk in tree.tree.hard.snapshotChunks(ofSize: 100) { chunks.append(chunk) }
        #expect(chunks.count > 1)
        for chunk in chunks { try loader.load(chunk) }
        #expect(try loader.finish() == tree.tree.hard)
        var short = TreeLoader()
        for chunk in chunks.dropLast() { try short.load(chunk) }
        #expect(throws: MalformedInput.self) { try short.finish() }
    }

    /// Chunks are of the tree as it was, and not much longer than was asked for.
    @Test func chunksAreOfTheirTime() throws {
        var tree = TestTree()
        for number in 0..<500 { _ = tree.create("/n\(number)", data: String(repeating: "x", count: 5 * number)) }
        let before = tree.tree.hard
        var loader = TreeLoader()
        for (number, chunk) in before.snapshotChunks(ofSize: 4096).enumerated() {
            #expect(chunk.readableBytes < 4096 + 2600)
            try loader.load(chunk)
            _ = tree.set("/n\(number)", "new")
            _ = tree.delete("/n\(499 - number)", version: -1)
        }
        #expect(try loader.finish() == before)
        #expect(tree.tree.hard != before)
    }

    /// What the tree keeps twice agrees.
    @Test(arguments: 1...50) func whatIsCountedIsThere(_ seed: UInt64) {
        let hard = life(seed).tree.hard
        var size = 0
        var paths: [String] = []
        hard.nodes.forEach { path, _, _ in paths.append(path) }
        #expect(paths.count == hard.nodes.count)
        hard.nodes.forEach { path, node, data in
            #expect(node.dataLength == data?.readableBytes)
            size += path.utf8.count + (node.dataLength ?? 0)
            let below = paths.filter { NodePath.parent(of: $0) == path }
            #expect(below.map { NodePath.name(of: $0) }.sorted() == hard.nodes.childNames(of: path))
            #expect(Int(node.childCount) == below.count)
            let deep = paths.filter { $0 != path && (path == "/" || $0.hasPrefix(path + "/")) }
            #expect(hard.nodes.descendantCount(of: path) == deep.count)
            if case .ephemeral(let session) = node.lifetime {
                #expect(hard.ephemeralPaths(of: session).contains(path))
                #expect(hard.sessions[session] != nil)
            }
        }
        #expect(hard.dataSize == size)
    }
}

/// The same numbers for the same seed.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_f491_4f6c_dd1d
    }
}
