import CZlib
import NIOCore

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

    static func counts(_ path: UnsafeRawBufferPointer) -> Bool { !path.starts(with: "/zookeeper/".utf8) }

    /// Takes up what nodes give now in the place of what they gave before.
    mutating func replace(_ before: UInt64, by after: UInt64) { value = value &- before &+ after }

    /// What a node gives.
    static func of(
        _ path: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer, _ row: NodeShelf.Row, _ owner: NodeOwner
    ) -> UInt64 {
        // The root has the empty path there.
        let path = path.count == 1 ? UnsafeRawBufferPointer(rebasing: path[..<0]) : path
        let length = path.count + data.count
        guard length <= largestCopy else {
            let crc = checksum(checksum(0, path), data)
            return withStat(row, owner, behind: 0) { UInt64(checksum(crc, UnsafeRawBufferPointer($0))) }
        }
        // In one piece, as zlib takes three short ones at half the pace.
        return withStat(row, owner, behind: length) { node in
            node.copyMemory(from: path)
            UnsafeMutableRawBufferPointer(rebasing: node[path.count...]).copyMemory(from: data)
            return UInt64(checksum(0, UnsafeRawBufferPointer(node)))
        }
    }

    /// Up to how many bytes of path and data are put together with the stat on the stack.
    private static let largestCopy = 960

    /// Lends `length` bytes to be filled, and behind them the lasting stat.
    private static func withStat(
        _ row: NodeShelf.Row, _ owner: NodeOwner, behind length: Int, _ body: (UnsafeMutableRawBufferPointer) -> UInt64
    ) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: length + 60, alignment: 8) { bytes in
            var end = length
            func put(_ value: some FixedWidthInteger) {
                bytes.storeBytes(of: value.bigEndian, toByteOffset: end, as: type(of: value))
                end += value.bitWidth / 8
            }
            put(row.czxid)
            put(row.mzxid)
            put(row.pzxid)
            put(row.ctime)
            put(row.mtime)
            put(row.version)
            put(row.createdChildCount)
            put(row.aversion)
            put(owner.rawValue)
            return body(bytes)
        }
    }

    private static func checksum(_ before: UInt, _ bytes: UnsafeRawBufferPointer) -> UInt {
        // Without bytes zlib would begin anew.
        bytes.isEmpty ? before : crc32_z(before, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    }
}

extension NodeTable {
    /// What the nodes that `change` touches give to the digest.
    func digest(touchedBy change: TreeChange) -> UInt64 {
        switch change {
        case .created(let path, _, _, _), .deleted(let path):
            path.withPathBytes { digest(of: $0) &+ ($0.parentPath.map { digest(of: $0) } ?? 0) }
        case .dataSet(let path, _), .aclSet(let path, _): path.withPathBytes { digest(of: $0) }
        default: 0
        }
    }

    /// What all nodes give to the digest; takes time for each there is.
    func digestOfAll() -> UInt64 {
        var sum: UInt64 = 0
        forEachPlace { place in sum &+= digest(of: place) }
        return sum
    }

    private func digest(of path: UnsafeRawBufferPointer) -> UInt64 { reference(of: path).map { digest(of: $0) } ?? 0 }

    private func digest(of place: NodeReference) -> UInt64 {
        withContents(of: place) { path, data, row, lifetime in
            TreeDigest.counts(path) ? TreeDigest.of(path, data, row, NodeOwner(lifetime)) : 0
        }
    }
}
