import NIOCore
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// One entry of Apache ZooKeeper's transaction log.
struct ApacheTransaction: Equatable {
    var zxid: Int64
    /// Milliseconds since 1970.
    var time: Int64
    /// Who asked for it; what sessions open, close and own is theirs by this number.
    var session: Int64
    var change: Change

    enum Change: Equatable {
        /// - parentCversion: of the parent after the creation; -1 where old releases wrote none.
        case created(path: String, data: ByteBuffer?, acl: [ACL], owner: NodeOwner, parentCversion: Int32)
        case deleted(path: String)
        /// The version is the one that the change made.
        case dataSet(path: String, data: ByteBuffer?, version: Int32)
        case aclSet(path: String, acl: [ACL], version: Int32)
        case sessionOpened(timeoutInMilliseconds: Int32)
        /// With its ephemeral nodes, as far as the release that wrote it lists them.
        case sessionClosed(paths: [String])
        case multi([Change])
        /// A failed attempt or a mere check: it uses up its zxid.
        case nothing
    }
}

extension ApacheTransaction {
    /// The bodies of transactions by their type.
    private enum Form: Int32 {
        case closeSession = -11
        case createSession = -10
        case error = -1
        case create = 1
        case delete = 2
        case setData = 5
        case setACL = 7
        case check = 13
        case multi = 14
        case create2 = 15
        case reconfig = 16
        case createContainer = 19
        case deleteContainer = 20
        case createTTL = 21
    }

    /// The digest that may follow a transaction: its version and the tree's digest.
    private static let digestSize = 12
    private static let digestVersion: Int32 = 2

    /// Reads the bytes that an entry's checksum is of: header, body, and a digest that may follow.
    init(reading reader: inout WireReader) throws(MalformedInput) {
        session = try reader.int64()
        try reader.skip(4)
        zxid = try reader.int64()
        time = try reader.int64()
        guard let form = Form(rawValue: try reader.int32()) else {
            throw MalformedInput(.custom("a transaction of an unknown type"), at: reader.position)
        }
        change = try Self.change(form, of: session, reading: &reader)
        guard reader.remaining == 0 || reader.remaining == Self.digestSize else {
            throw MalformedInput(.trailingBytes, at: reader.position)
        }
    }

    private static func change(
        _ form: Form, of session: Int64, reading reader: inout WireReader
    ) throws(MalformedInput) -> Change {
        switch form {
        case .create, .create2: return try created(by: session, reading: &reader)
        case .createContainer:
            let (path, data, acl) = try node(reading: &reader)
            return .created(path: path, data: data, acl: acl, owner: .container, parentCversion: try reader.int32())
        case .createTTL:
            let (path, data, acl) = try node(reading: &reader)
            let parentCversion = try reader.int32()
            return .created(
                path: path, data: data, acl: acl, owner: NodeOwner(ttl: try reader.int64()),
                parentCversion: parentCversion)
        case .delete, .deleteContainer: return .deleted(path: try reader.juteString())
        case .setData, .reconfig:
            return .dataSet(
                path: try reader.juteString(), data: try reader.juteBuffer()?.ownCopy, version: try reader.int32())
        case .setACL:
            return .aclSet(
                path: try reader.juteString(), acl: try ACL.list(reading: &reader), version: try reader.int32())
        case .createSession: return .sessionOpened(timeoutInMilliseconds: try reader.int32())
        case .closeSession: return .sessionClosed(paths: try closedPaths(reading: &reader))
        case .error:
            try reader.skip(4)
            return .nothing
        case .check:
            _ = try reader.juteString()
            try reader.skip(4)
            return .nothing
        case .multi: return try multi(of: session, reading: &reader)
        }
    }

    private static func node(
        reading reader: inout WireReader
    ) throws(MalformedInput) -> (path: String, data: ByteBuffer?, acl: [ACL]) {
        (try reader.juteString(), try reader.juteBuffer()?.ownCopy, try ACL.list(reading: &reader))
    }

    private static func created(
        by session: Int64, reading reader: inout WireReader
    ) throws(MalformedInput) -> Change {
        let (path, data, acl) = try node(reading: &reader)
        let isEphemeral = try reader.bool()
        // ZooKeeper 3.3 and older wrote no number of the parent.
        let parentCversion = reader.remaining == 0 ? -1 : try reader.int32()
        return .created(
            path: path, data: data, acl: acl, owner: isEphemeral ? NodeOwner(rawValue: session) : .none,
            parentCversion: parentCversion)
    }

    /// The list is missing where ZooKeeper is older than 3.6 or told to leave it out; a digest may stand in its place.
    private static func closedPaths(reading reader: inout WireReader) throws(MalformedInput) -> [String] {
        if reader.remaining == 0 { return [] }
        if reader.remaining == digestSize {
            // No list of two paths is that short.
            let count = try reader.int32()
            if count == digestVersion {
                try reader.skip(reader.remaining)
                return []
            }
            return try (0..<count).map { _ throws(MalformedInput) in try reader.juteString() }
        }
        return try reader.juteStrings()
    }

    /// A multi that failed tells so in one of its parts, and none of the others counts.
    private static func multi(of session: Int64, reading reader: inout WireReader) throws(MalformedInput) -> Change {
        var hasFailed = false
        let changes = try reader.juteVector(minimumSize: 8) { reader throws(MalformedInput) -> Change in
            let type = try reader.int32()
            let body = try reader.juteBuffer() ?? ByteBuffer()
            guard let form = Form(rawValue: type), form != .multi else {
                throw MalformedInput(.custom("a part of a multi of an unknown type"), at: reader.position)
            }
            if form == .error { hasFailed = true }
            return try WireReader.read(body) { reader throws(MalformedInput) in
                let change = try Self.change(form, of: session, reading: &reader)
                try reader.finish()
                return change
            }
        }
        return hasFailed ? .nothing : .multi(changes)
    }
}

extension ByteBuffer {
    /// The same bytes in memory of their own, which does not keep a whole chunk of a file.
    var ownCopy: ByteBuffer {
        var copy = ByteBufferAllocator().buffer(capacity: readableBytes)
        copy.writeImmutableBuffer(self)
        return copy
    }
}
