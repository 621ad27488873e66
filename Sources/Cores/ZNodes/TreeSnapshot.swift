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
    /// What the members of an ensemble share.
    case secret = 6
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
    private let secret: ByteBuffer
    private var sessions: [Int64: Int32]
    private var nodes: NodeTable
    private var nextShelf = 0
    /// The shelf that is being given out, and its rows that have not been.
    private var shelf = NodeShelf()
    private var rows: ArraySlice<UInt32> = []
    /// Of access lists, by those that the table has for them.
    private var aclNumbers: [UInt32: Int32] = [:]
    private var hasBegun = false
    private var hasEnded = false

    fileprivate init(of state: TreeState, chunkSize: Int) {
        precondition(chunkSize > 0, "chunks of \(chunkSize) bytes")
        self.chunkSize = chunkSize
        lastZxid = state.lastZxid
        nodeCount = state.nodes.count
        secret = state.secret
        sessions = state.sessions
        nodes = state.nodes
    }

    /// The next chunk, of at least one byte; nil after the last.
    package mutating func next() -> ByteBuffer? {
        guard !hasEnded else { return nil }
        var writer = WireWriter(capacity: chunkSize + chunkSize / 4)
        if !hasBegun { begin(&writer) }
        while writer.count < chunkSize {
            if let row = rows.popFirst() {
                write(row, to: &writer)
            } else if nextShelf < NodeTable.shelfCount {
                shelf = nodes.takeShelf(nextShelf)
                rows = shelf.sortedNumbers[...]
                nextShelf += 1
            } else {
                writer.int8(SnapshotItem.end.rawValue)
                writer.int64(Int64(nodeCount))
                hasEnded = true
                break
            }
        }
        return writer.buffer()
    }

    private mutating func begin(_ writer: inout WireWriter) {
        writer.int8(SnapshotItem.lastZxid.rawValue)
        writer.int64(lastZxid)
        if secret.readableBytes > 0 {
            writer.int8(SnapshotItem.secret.rawValue)
            writer.juteBuffer(secret)
        }
        for (session, timeout) in sessions.sorted(by: { $0.key < $1.key }) {
            writer.int8(SnapshotItem.session.rawValue)
            writer.int64(session)
            writer.int32(timeout)
        }
        sessions = [:]
        hasBegun = true
    }

    private mutating func write(_ number: UInt32, to writer: inout WireWriter) {
        let row = shelf[number]
        let acl = aclNumbers[row.acl] ?? Int32(aclNumbers.count)
        if Int(acl) == aclNumbers.count {
            aclNumbers[row.acl] = acl
            writer.int8(SnapshotItem.acl.rawValue)
            ACL.write(nodes.accessList(of: row), to: &writer)
        }
        writer.int8(SnapshotItem.node.rawValue)
        shelf.withPath(of: number) { path in
            writer.int32(Int32(path.count))
            writer.raw(path)
        }
        writer.int32(row.dataLength)
        shelf.withData(of: number) { writer.raw($0) }
        writer.int32(acl)
        writer.int64(row.czxid)
        writer.int64(row.mzxid)
        writer.int64(row.pzxid)
        writer.int64(row.ctime)
        writer.int64(row.mtime)
        writer.int32(row.version)
        writer.int32(row.aversion)
        writer.int32(row.createdChildCount)
        writer.int32(row.childCount)
        shelf.lifetime(of: number).write(to: &writer)
    }
}

extension ZNode {
    fileprivate init(reading reader: inout WireReader, dataLength: Int?, acls: [[ACL]]) throws(MalformedInput) {
        let acl = Int(try reader.int32())
        guard acls.indices.contains(acl) else {
            throw MalformedInput(.custom("a node names an access list that is not there"), at: reader.position)
        }
        self.init(
            dataLength: dataLength, acl: acls[acl], lifetime: .persistent, zxid: try reader.int64(), time: 0)
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
        case .secret: state.secret = try reader.juteBuffer()?.copied ?? ByteBuffer()
        case .acl:
            let list = try ACL.list(reading: &reader)
            acls.append(list == ACL.open ? ACL.open : list)
        case .node:
            let path = try reader.nodePath()
            guard state.nodes.reference(of: path) == nil else {
                throw MalformedInput(.custom("a node that was there already"), at: reader.position)
            }
            let data = try reader.juteBuffer()
            let node = try ZNode(reading: &reader, dataLength: data?.readableBytes, acls: acls)
            state.restore(node, data: data, at: path)
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
