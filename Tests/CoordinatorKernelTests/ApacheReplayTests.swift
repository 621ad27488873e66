import NIOCore
import Seams
import Simulation
import Testing
import WireCoding
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorKernel

@Suite struct ApacheReplayTests {
    /// Makes transactions as ZooKeeper does, which checks them against the tree as it is.
    private struct Author {
        var random: SeededRandom
        var tree = ApacheTree.empty
        var written: [ApacheTransaction] = []
        var lastSession: Int64 = 0
        private let names = ["a", "b", "c"]

        mutating func write() {
            let zxid = tree.lastZxid + 1
            var session = tree.sessions.keys.sorted().randomElement(using: &random) ?? 0
            var change: ApacheTransaction.Change?
            while change == nil { change = attempt(session) }
            if case .sessionOpened = change {
                lastSession += 1
                session = lastSession
            }
            let transaction = ApacheTransaction(
                zxid: zxid, time: zxid * 10, session: session, change: change ?? .nothing)
            written.append(transaction)
            tree.apply(transaction)
        }

        private mutating func attempt(_ session: Int64) -> ApacheTransaction.Change? {
            let depth = Int.random(in: 1...3, using: &random)
            let path = (0..<depth).reduce("") { path, _ in "\(path)/\(names.randomElement(using: &random) ?? "a")" }
            let parent = depth == 1 ? "/" : String(path.dropLast(2))
            let data = ByteBuffer(integer: UInt32.random(in: 0...9, using: &random))
            let node = tree.node(path)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                guard let above = tree.node(parent), above.owner == .none, node == nil else { return nil }
                let isOpen = tree.sessions[session] != nil
                let acl = Bool.random(using: &random) ? ACL.open : [ACL(.read, .anyone)]
                let owner = isOpen && Bool.random(using: &random) ? NodeOwner(rawValue: session) : .none
                return .created(
                    path: path, data: data, acl: acl, owner: owner, parentCversion: above.stat.cversion + 1)
            case 4, 5: return node?.children.isEmpty == true ? .deleted(path: path) : nil
            case 6: return node.map { .dataSet(path: path, data: data, version: $0.stat.version + 1) }
            case 7: return node.map { .aclSet(path: path, acl: ACL.open, version: $0.stat.aversion + 1) }
            case 8: return tree.sessions.count < 3 ? .sessionOpened(timeoutInMilliseconds: 1000) : nil
            default:
                guard tree.sessions[session] != nil else { return .nothing }
                return .sessionClosed(paths: tree.paths(ownedBy: session))
            }
        }
    }

    /// The digest that ZooKeeper has logged with its last transaction.
    @Test(arguments: ApacheFixture.names) func theDigestOfTheTreeIsApaches(_ name: String) throws {
        let fixture = try ApacheFixture(name)
        let logs = try fixture.apacheFiles().filter { $0.key.contains("/log.") && $0.value.readableBytes > 16 }
        let last = try #require(logs.max { Self.firstZxid($0.key) < Self.firstZxid($1.key) }).value
        var digest: (zxid: Int64, version: Int32, value: UInt64)?
        var rest = last
        rest.moveReaderIndex(forwardBy: 16)
        while rest.readInteger(as: Int64.self) != nil, let count = rest.readInteger(as: Int32.self), count > 0,
            let body = rest.readSlice(length: Int(count) + 1)
        {
            let end = body.readerIndex + Int(count)
            digest = (
                try #require(body.getInteger(at: body.readerIndex + 12)),
                try #require(body.getInteger(at: end - 12)), try #require(body.getInteger(at: end - 8))
            )
        }
        var settings = ZNodesSettings()
        settings.keepsDigest = true
        let recovery = try fixture.storage.recover { RestoredTree(settings) }
        #expect(digest?.zxid == recovery.lastZxid && digest?.version == Int32(TreeDigest.version))
        #expect(digest?.value == recovery.state.state.digest?.value)
    }

    private static func firstZxid(_ path: String) -> Int64 {
        path.split(separator: ".").last.flatMap { Int64($0, radix: 16) } ?? -1
    }

    /// A snapshot is written node by node while the tree changes; the log from its beginning makes it whole.
    @Test(arguments: 1...300) func aSnapshotOfMovingThingsComesRight(_ seed: UInt64) {
        var author = Author(random: SeededRandom(seed: seed))
        for _ in 0..<60 { author.write() }
        let zxid = author.tree.lastZxid
        var snapshot = ApacheTree(lastZxid: zxid)
        // ZooKeeper copies sessions and lists first: later ones are missing.
        snapshot.sessions = author.tree.sessions
        let known = author.tree.lists
        var open = ["/"]
        while let path = open.popLast() {
            for _ in 0..<Int.random(in: 0...2, using: &author.random) { author.write() }
            guard var node = author.tree.node(path) else { continue }
            let children = node.children.map { String(decoding: $0, as: UTF8.self) }.sorted()
            node.children = []
            if let acl = node.acl, !known.contains(acl) { node.acl = nil }
            if !snapshot.insert(node, at: path) { Issue.record("\(path) comes before the node above it") }
            open += children.map { path == "/" ? "/\($0)" : "\(path)/\($0)" }
        }
        for _ in 0..<20 { author.write() }
        for transaction in author.written where transaction.zxid > zxid { snapshot.apply(transaction) }
        let (found, wanted) = (snapshot.reachable, author.tree.reachable)
        for path in Set(found.keys).union(wanted.keys).sorted() { #expect(found[path] == wanted[path], "\(path)") }
        #expect(snapshot.sessions == author.tree.sessions)
    }

    @Test func ephemeralNodesOfNoSessionGo() throws {
        var tree = ApacheTree.empty
        func create(_ path: String, _ owner: NodeOwner, zxid: Int64) {
            tree.apply(
                ApacheTransaction(
                    zxid: zxid, time: 1, session: 5,
                    change: .created(path: path, data: nil, acl: ACL.open, owner: owner, parentCversion: -1)))
        }
        create("/of-nobody", NodeOwner(rawValue: 5), zxid: 1)
        create("/container", .container, zxid: 2)
        create("/passing", NodeOwner(ttl: 77), zxid: 3)
        #expect(tree.removeAbandoned() == ["/of-nobody"])
        #expect(tree.node("/of-nobody") == nil && tree.node("/container") != nil && tree.node("/passing") != nil)
        #expect(try tree.state().leftOutCount == 0)
    }

    @Test func aListThatIsNowhereIsNoticed() {
        var tree = ApacheTree.empty
        tree.insert(ApacheTree.Node(data: nil, acl: nil, stat: Stat()), at: "/a")
        #expect(throws: ApacheTree.Inconsistency(cause: "/a has a list of access that is nowhere")) {
            try tree.state()
        }
    }

    // MARK: Bytes

    private func transaction(_ type: Int32, _ body: (inout WireWriter) -> Void) throws -> ApacheTransaction {
        var writer = WireWriter()
        writer.int64(5)
        writer.int32(1)
        writer.int64(9)
        writer.int64(1000)
        writer.int32(type)
        body(&writer)
        return try WireReader.read(writer.buffer()) { reader throws(MalformedInput) in
            try ApacheTransaction(reading: &reader)
        }
    }

    private func digest(_ writer: inout WireWriter) {
        writer.int32(2)
        writer.int64(77)
    }

    @Test func endsOfSessionsOfAllReleasesAreRead() throws {
        #expect(try transaction(-11) { _ in }.change == .sessionClosed(paths: []))
        #expect(try transaction(-11, digest).change == .sessionClosed(paths: []))
        for paths in [[], ["/abc"], ["/a", "/b/c"]] {
            let read = try transaction(-11) { $0.juteStrings(paths) }
            #expect(read.change == .sessionClosed(paths: paths))
            let withDigest = try transaction(-11) { writer in
                writer.juteStrings(paths)
                digest(&writer)
            }
            #expect(withDigest.change == .sessionClosed(paths: paths))
        }
    }

    @Test func aCreationOfOldReleasesIsRead() throws {
        let read = try transaction(1) { writer in
            writer.juteString("/a")
            writer.juteBuffer(nil)
            ACL.write(ACL.open, to: &writer)
            writer.bool(true)
        }
        #expect(
            read.change
                == .created(
                    path: "/a", data: nil, acl: ACL.open, owner: NodeOwner(rawValue: 5), parentCversion: -1))
    }

    @Test(arguments: [0, 3, 99, -12] as [Int32]) func anUnknownTypeIsRefused(_ type: Int32) {
        #expect(throws: MalformedInput.self) { try transaction(type) { _ in } }
    }

    @Test func bytesLeftOverAreRefused() {
        #expect(throws: MalformedInput.self) {
            try transaction(2) { writer in
                writer.juteString("/a")
                writer.int8(1)
            }
        }
    }
}

extension ApacheTree {
    fileprivate func node(_ path: String) -> Node? { nodes[Array(path.utf8)] }

    fileprivate func paths(ownedBy session: Int64) -> [String] {
        (owned[session] ?? []).map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    fileprivate var lists: Set<[ACL]> { Set(nodes.values.compactMap(\.acl)) }

    /// The nodes that hang together, by their paths.
    fileprivate var reachable: [String: Node] {
        var result: [String: Node] = [:]
        var open = ["/"]
        while let path = open.popLast() {
            guard let node = node(path) else { continue }
            result[path] = node
            open += node.children.map {
                let name = String(decoding: $0, as: UTF8.self)
                return path == "/" ? "/\(name)" : "\(path)/\(name)"
            }
        }
        return result
    }
}
