import NIOCore
import WireCoding
import ZooKeeperProtocol

/// The lasting state as a sequence of chunks: the last zxid, the sessions, the access lists, then the nodes, in an order
/// that is the same for the same tree.
///
/// Each item starts with its kind; nodes name their access list by its number, for most share few.
private enum SnapshotItem: Int8 {
    case lastZxid = 1
    case session = 2
    case acl = 3
    case node = 4
    /// The number of nodes, at the end.
    case end = 5
}

extension TreeState {
    /// The state in chunks, made one at a time: it is as it was at the call, whatever becomes of the tree meanwhile.
    ///
    /// - Parameter chunkSize: from so many bytes on a chunk ends; one node more fits in.
    package func snapshotChunks(ofSize chunkSize: Int = 1 << 20) -> SnapshotChunks {
        SnapshotChunks(of: self, chunkSize: chunkSize)
    }
}

/// The chunks of a snapshot, for who writes or sends them at a pace of their own.
///
/// What has been given out is let go of, so that changes of the tree need no longer copy it.
package struct SnapshotChunks: Sendable, Sequence, IteratorProtocol {
    private let chunkSize: Int
    private let lastZxid: Int64
    private let nodeCount: Int
    private var sessions: [(id: Int64, timeout: Int32)]
    private var nodes: NodeTable
    private var nextShelf = 0
    private var numbers: [[ACL]: Int32] = [:]
    private var hasBegun = false
    private var hasEnded = false

    fileprivate init(of state: TreeState, chunkSize: Int) {
        precondition(chunkSize > 0, "chunks of \(chunkSize) bytes")
        self.chunkSize = chunkSize
        lastZxid = state.lastZxid
        nodeCount = state.nodes.count
        sessions = state.sessions.map { ($0.key, $0.value) }
        nodes = state.nodes
    }

    /// The next chunk, of at least one byte; nil after the last.
    package mutating func next() -> ByteBuffer? {
        guard !hasEnded else { return nil }
        var writer = WireWriter(capacity: chunkSize + chunkSize / 4)
        if !hasBegun { begin(&writer) }
        while writer.count < chunkSize, nextShelf < NodeTable.shelfCount {
            for (path, node) in nodes.takeShelf(nextShelf) { write(node, path, to: &writer) }
            nextShelf += 1
        }
        if nextShelf == NodeTable.shelfCount {
            writer.int8(SnapshotItem.end.rawValue)
            writer.int64(Int64(nodeCount))
            hasEnded = true
        }
        return writer.buffer()
    }

    private mutating func begin(_ writer: inout WireWriter) {
        writer.int8(SnapshotItem.lastZxid.rawValue)
        writer.int64(lastZxid)
        for (session, timeout) in sessions.sorted(by: { $0.id < $1.id }) {
            writer.int8(SnapshotItem.session.rawValue)
            writer.int64(session)
            writer.int32(timeout)
        }
        sessions = []
        hasBegun = true
    }

    private mutating func write(_ node: ZNode, _ path: String, to writer: inout WireWriter) {
        let number = numbers[node.acl] ?? Int32(numbers.count)
        if Int(number) == numbers.count {
            numbers[node.acl] = number
            writer.int8(SnapshotItem.acl.rawValue)
            ACL.write(node.acl, to: &writer)
        }
        writer.int8(SnapshotItem.node.rawValue)
        writer.juteString(path)
        node.write(to: &writer, acl: number)
    }
}

extension ZNode {
    fileprivate func write(to writer: inout WireWriter, acl: Int32) {
        writer.juteBuffer(data)
        writer.int32(acl)
        for zxid in [czxid, mzxid, pzxid, ctime, mtime] { writer.int64(zxid) }
        for number in [version, aversion, createdChildCount, childCount] { writer.int32(number) }
        lifetime.write(to: &writer)
    }

    fileprivate init(reading reader: inout WireReader, acls: [[ACL]]) throws(MalformedInput) {
        let data = try reader.ownBuffer()
        let acl = Int(try reader.int32())
        guard acls.indices.contains(acl) else {
            throw MalformedInput(.custom("a node names an access list that is not there"), at: reader.position)
        }
        self.init(data: data, acl: acls[acl], lifetime: .persistent, zxid: try reader.int64(), time: 0)
        mzxid = try reader.int64()
        pzxid = try reader.int64()
        ctime = try reader.int64()
        mtime = try reader.int64()
        version = try reader.int32()
        aversion = try reader.int32()
        createdChildCount = try reader.int32()
        childCount = try reader.int32()
        lifetime = try Lifetime(reading: &reader)
    }
}

/// Builds the lasting state from the chunks of a snapshot.
package struct TreeLoader {
    private var state = TreeState(lastZxid: 0)
    private var acls: [[ACL]] = []
    private var isComplete = false

    package init() {}

    package mutating func load(_ chunk: ByteBuffer) throws(MalformedInput) {
        try WireReader.read(chunk) { reader throws(MalformedInput) in
            while reader.remaining > 0 {
                guard !isComplete, let item = SnapshotItem(rawValue: try reader.int8()) else {
                    throw MalformedInput(.custom("no such item of a snapshot"), at: reader.position)
                }
                try load(item, from: &reader)
            }
        }
    }

    private mutating func load(_ item: SnapshotItem, from reader: inout WireReader) throws(MalformedInput) {
        switch item {
        case .lastZxid:
            guard state.nodes.count == 0, state.sessions.isEmpty else {
                throw MalformedInput(.custom("a second beginning"), at: reader.position)
            }
            state = TreeState(lastZxid: try reader.int64())
        case .session: state.insert(session: try reader.int64(), timeoutInMilliseconds: try reader.int32())
        case .acl:
            let list = try ACL.list(reading: &reader)
            acls.append(list == ACL.open ? ACL.open : list)
        case .node:
            let path = try reader.nodePath()
            guard state.nodes[path] == nil else {
                throw MalformedInput(.custom("a node that was there already"), at: reader.position)
            }
            state.insert(try ZNode(reading: &reader, acls: acls), at: path)
        case .end:
            guard try reader.int64() == Int64(state.nodes.count) else {
                throw MalformedInput(.custom("nodes are missing"), at: reader.position)
            }
            isComplete = true
        }
    }

    /// The state, once all chunks have been loaded.
    package mutating func finish() throws(MalformedInput) -> TreeState {
        guard isComplete else { throw MalformedInput(.truncated, at: 0) }
        guard state.link() else { throw MalformedInput(.custom("the nodes make no tree"), at: 0) }
        return state
    }
}
