import NIOCore
import Testing
import ZooKeeperProtocol

@testable import ZNodes

/// The table against one dictionary of paths.
@Suite struct NodeTableTests {
    private struct Twin: Equatable {
        var nodes: [String: (node: ZNode, data: ByteBuffer?)] = [:]

        static func == (left: Twin, right: Twin) -> Bool {
            left.nodes.count == right.nodes.count
                && left.nodes.allSatisfy { path, place in right.nodes[path].map { $0 == place } ?? false }
        }
    }

    private static let lists = [ACL.open, [ACL(.read, .anyone)], [ACL(.all, ZooKeeperID(scheme: "ip", id: "::1"))], []]

    private func content(of table: NodeTable) -> Twin {
        var twin = Twin()
        table.forEach { path, node, data in twin.nodes[path] = (node, data) }
        return twin
    }

    private func node(_ data: ByteBuffer?, _ random: inout SeededRandom) -> ZNode {
        let lifetimes: [ZNode.Lifetime] = [.persistent, .persistent, .ephemeral(7), .container, .ttl(9)]
        return ZNode(
            dataLength: data?.readableBytes, acl: Self.lists.randomElement(using: &random) ?? [],
            lifetime: lifetimes.randomElement(using: &random) ?? .persistent, zxid: .random(in: 1...9, using: &random),
            time: .random(in: 1...9, using: &random))
    }

    /// Around the length from which on data lies apart, more often than not.
    private func data(_ random: inout SeededRandom) -> ByteBuffer? {
        let lengths = [0, 1, 5, 100, 1000, 1023, 1024, 1025, 3000]
        guard let length = lengths.randomElement(using: &random), Int.random(in: 0..<9, using: &random) > 0 else {
            return nil
        }
        return ByteBuffer(repeating: UInt8.random(in: 0...255, using: &random), count: length)
    }

    private func children(of path: String, in twin: Twin) -> [String] {
        twin.nodes.keys.filter { NodePath.parent(of: $0) == path }.map { NodePath.name(of: $0) }.sorted()
    }

    /// Copies made on the way stay as they were.
    @Test(arguments: 1...20) func aDumbTableHoldsTheSame(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = NodeTable()
        var twin = Twin()
        var paths = ["/"]
        for first in 0..<6 {
            paths.append("/n\(first)")
            for second in 0..<20 { paths.append("/n\(first)/child-\(second)") }
        }
        var kept: [(table: NodeTable, twin: Twin)] = []
        for step in 0..<3000 {
            guard let path = paths.randomElement(using: &random) else { continue }
            let data = data(&random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                guard path == "/" || NodePath.parent(of: path).flatMap({ twin.nodes[$0] }) != nil else { continue }
                let node = node(data, &random)
                let before = table.insert(node, data: data, at: path, alterParent: { _ in }).replaced
                #expect(before == twin.nodes[path]?.node)
                twin.nodes[path] = (node, data)
            case 4..<7:
                guard let place = table.reference(of: path) else {
                    #expect(twin.nodes[path] == nil)
                    continue
                }
                table.set(data, at: place)
                twin.nodes[path]?.data = data
                twin.nodes[path]?.node.dataLength = data?.readableBytes
            case 7:
                let list = Self.lists.randomElement(using: &random) ?? []
                table.alter(path) { $0.set(acl: list) }
                twin.nodes[path]?.node.set(acl: list)
            default:
                guard children(of: path, in: twin).isEmpty else { continue }
                #expect(table.remove(path, alterParent: { _ in })?.node == twin.nodes.removeValue(forKey: path)?.node)
            }
            if step % 500 == 0 { kept.append((table, twin)) }
        }
        kept.append((table, twin))
        for (table, twin) in kept {
            #expect(content(of: table) == twin)
            #expect(table.count == twin.nodes.count)
            for path in paths {
                #expect(table[path] == twin.nodes[path]?.node)
                #expect(table.data(of: path) == twin.nodes[path]?.data)
                if twin.nodes[path] != nil { #expect(table.childNames(of: path) == children(of: path, in: twin)) }
            }
        }
    }

    @Test func equalTablesMayLieDifferently() {
        var random = SeededRandom(seed: 1)
        let (first, second) = (node(nil, &random), node(nil, &random))
        var left = NodeTable()
        _ = left.insert(first, data: nil, at: "/") { _ in }
        _ = left.insert(second, data: nil, at: "/a") { _ in }
        _ = left.insert(first, data: nil, at: "/b") { _ in }
        var right = NodeTable()
        _ = right.insert(first, data: nil, at: "/") { _ in }
        _ = right.insert(first, data: nil, at: "/b") { _ in }
        _ = right.insert(second, data: nil, at: "/c") { _ in }
        #expect(left != right)
        _ = right.remove("/c") { _ in }
        _ = right.insert(second, data: nil, at: "/a") { _ in }
        #expect(left == right)
        right.alter("/a") { $0.gainChild(zxid: 99) }
        #expect(left != right)
    }
}
