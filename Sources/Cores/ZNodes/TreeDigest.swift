import CZlib
import NIOCore
import WireCoding

/// A tree's digest after one change.
package struct ZxidDigest: Sendable, Equatable {
    package var zxid: Int64
    package var digest: UInt64

    package init(zxid: Int64, digest: UInt64) {
        self.zxid = zxid
        self.digest = digest
    }
}

/// Apache ZooKeeper's digest of a tree, its version 2: the sum of what each node's path, data and lasting stat give by
/// CRC-32. So a change costs no more than the nodes it touches. What is below `/zookeeper` does not count, for members may
/// differ there.
package struct TreeDigest: Sendable, Equatable {
    package static let version = 2
    /// How many changes there are from one digest that is remembered to the next.
    package static let interval: Int64 = 128
    /// How many are remembered.
    static let rememberedCount = 1024

    package private(set) var value: UInt64 = 0

    static func counts(_ path: String) -> Bool { !path.hasPrefix("/zookeeper/") }

    mutating func add(_ node: ZNode, _ data: ByteBuffer?, at path: String) { value &+= Self.of(node, data, at: path) }

    mutating func remove(_ node: ZNode, _ data: ByteBuffer?, at path: String) {
        value &-= Self.of(node, data, at: path)
    }

    private static func of(_ node: ZNode, _ data: ByteBuffer?, at path: String) -> UInt64 {
        var writer = WireWriter(capacity: 60)
        writer.int64(node.czxid)
        writer.int64(node.mzxid)
        writer.int64(node.pzxid)
        writer.int64(node.ctime)
        writer.int64(node.mtime)
        writer.int32(node.version)
        writer.int32(node.createdChildCount)
        writer.int32(node.aversion)
        writer.int64(NodeOwner(node.lifetime).rawValue)
        // The root has the empty path there.
        let path = path == "/" ? "" : path
        var crc = path.withPathBytes { checksum(0, $0) }
        if let data { crc = data.withUnsafeReadableBytes { checksum(crc, $0) } }
        return UInt64(writer.buffer().withUnsafeReadableBytes { checksum(crc, $0) })
    }

    private static func checksum(_ before: UInt, _ bytes: UnsafeRawBufferPointer) -> UInt {
        // Without bytes zlib would begin anew.
        bytes.isEmpty ? before : crc32_z(before, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
}

extension TreeChange {
    /// The nodes that become different, by this change alone.
    var touchedPaths: [String] {
        switch self {
        case .created(let path, _, _, _), .deleted(let path): [path] + (NodePath.parent(of: path).map { [$0] } ?? [])
        case .dataSet(let path, _), .aclSet(let path, _): [path]
        default: []
        }
    }
}
