import NIOCore
import WireCoding
import ZooKeeperProtocol

/// One change as the log keeps it. It says what becomes, not what was asked: replaying it needs no checks.
package struct TreeRecord: Sendable, Equatable {
    package var zxid: Int64
    /// Milliseconds since 1970.
    var time: Int64
    var change: TreeChange
}

enum TreeChange: Sendable, Equatable {
    case created(path: String, data: ByteBuffer?, acl: [ACL], lifetime: ZNode.Lifetime)
    case deleted(path: String)
    case dataSet(path: String, data: ByteBuffer?)
    case aclSet(path: String, acl: [ACL])
    case sessionOpened(Int64, timeoutInMilliseconds: Int32)
    /// With the ephemeral nodes that go with it.
    case sessionClosed(Int64, paths: [String])
    /// All at once, under one zxid.
    case multi([TreeChange])
    /// An attempt that failed: it uses up its zxid. With `ok`, what a leader writes only to have written something.
    case failed(ZooKeeperError)
    /// A leader has begun: what members share, and the ensemble as `/zookeeper/config` shows it.
    case epochOpened(secret: ByteBuffer, configuration: String)
    /// The ensemble is another one. `previous` is what it was, for who starts with this change still uncommitted.
    case reconfigured(configuration: String, previous: String)
}

extension TreeRecord {
    /// Whether coded bytes are those of a change of the ensemble, by their kind.
    package static func isReconfiguration(_ bytes: ByteBuffer) -> Bool {
        bytes.getInteger(at: bytes.readerIndex + 16, as: Int8.self) == 10
    }

    package var opensEpoch: Bool {
        if case .epochOpened = change { true } else { false }
    }

    /// The session that the change ends, if it is one that does.
    package var closedSession: Int64? {
        if case .sessionClosed(let session, _) = change { session } else { nil }
    }

    /// The nodes that go with the session that the change ends.
    package var endedEphemerals: [String] {
        if case .sessionClosed(_, let paths) = change { paths } else { [] }
    }

    /// The node that the change deletes, if it is nothing but that.
    package var deletedPath: String? {
        if case .deleted(let path) = change { path } else { nil }
    }

    /// The ensemble that the change makes, and that of before, as texts; nil for other changes.
    package var reconfiguration: (configuration: String, previous: String)? {
        if case .reconfigured(let configuration, let previous) = change { (configuration, previous) } else { nil }
    }

    package func write(to writer: inout WireWriter) {
        writer.int64(zxid)
        writer.int64(time)
        change.write(to: &writer)
    }

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        zxid = try reader.int64()
        time = try reader.int64()
        change = try TreeChange(reading: &reader)
    }
}

extension ZNode.Lifetime {
    func write(to writer: inout WireWriter) {
        switch self {
        case .persistent: writer.int8(0)
        case .ephemeral(let session):
            writer.int8(1)
            writer.int64(session)
        case .container: writer.int8(2)
        case .ttl(let milliseconds):
            writer.int8(3)
            writer.int64(milliseconds)
        }
    }

    init(reading reader: inout WireReader) throws(MalformedInput) {
        switch try reader.int8() {
        case 0: self = .persistent
        case 1: self = .ephemeral(try reader.int64())
        case 2: self = .container
        case 3: self = .ttl(try reader.int64())
        default: throw MalformedInput(.custom("no such lifetime of a node"), at: reader.position)
        }
    }
}

extension TreeChange {
    func write(to writer: inout WireWriter) {
        switch self {
        case .created(let path, let data, let acl, let lifetime):
            writer.int8(1)
            writer.juteString(path)
            writer.juteBuffer(data)
            ACL.write(acl, to: &writer)
            lifetime.write(to: &writer)
        case .deleted(let path):
            writer.int8(2)
            writer.juteString(path)
        case .dataSet(let path, let data):
            writer.int8(3)
            writer.juteString(path)
            writer.juteBuffer(data)
        case .aclSet(let path, let acl):
            writer.int8(4)
            writer.juteString(path)
            ACL.write(acl, to: &writer)
        case .sessionOpened(let session, let timeout):
            writer.int8(5)
            writer.int64(session)
            writer.int32(timeout)
        case .sessionClosed(let session, let paths):
            writer.int8(6)
            writer.int64(session)
            writer.juteStrings(paths)
        case .multi(let changes):
            writer.int8(7)
            writer.juteVector(changes) { $1.write(to: &$0) }
        case .failed(let error):
            writer.int8(8)
            writer.int32(error.rawValue)
        case .epochOpened(let secret, let configuration):
            writer.int8(9)
            writer.juteBuffer(secret)
            writer.juteString(configuration)
        case .reconfigured(let configuration, let previous):
            writer.int8(10)
            writer.juteString(configuration)
            writer.juteString(previous)
        }
    }

    /// - Parameter isPart: whether it is one of the changes of a multi, and so none itself.
    init(reading reader: inout WireReader, isPart: Bool = false) throws(MalformedInput) {
        switch try reader.int8() {
        case 1:
            self = .created(
                path: try reader.nodePath(), data: try reader.juteBuffer(), acl: try ACL.list(reading: &reader),
                lifetime: try ZNode.Lifetime(reading: &reader))
        case 2: self = .deleted(path: try reader.nodePath())
        case 3: self = .dataSet(path: try reader.nodePath(), data: try reader.juteBuffer())
        case 4: self = .aclSet(path: try reader.nodePath(), acl: try ACL.list(reading: &reader))
        case 5: self = .sessionOpened(try reader.int64(), timeoutInMilliseconds: try reader.int32())
        case 6:
            self = .sessionClosed(
                try reader.int64(),
                paths: try reader.juteVector(minimumSize: 4) { reader throws(MalformedInput) in try reader.nodePath() })
        case 7 where !isPart:
            self = .multi(
                try reader.juteVector(minimumSize: 1) { reader throws(MalformedInput) in
                    try TreeChange(reading: &reader, isPart: true)
                })
        case 8: self = .failed(ZooKeeperError(rawValue: try reader.int32()))
        case 9 where !isPart:
            self = .epochOpened(
                secret: try reader.juteBuffer() ?? ByteBuffer(), configuration: try reader.juteString())
        case 10 where !isPart:
            self = .reconfigured(configuration: try reader.juteString(), previous: try reader.juteString())
        default: throw MalformedInput(.custom("no such change of the tree"), at: reader.position)
        }
    }
}

extension WireReader {
    /// A path that may name a node.
    mutating func nodePath() throws(MalformedInput) -> String {
        let start = position
        let path = try juteString()
        guard NodePath.isValid(path) else { throw MalformedInput(.custom("no path of a node"), at: start) }
        return path
    }
}

extension ByteBuffer {
    /// The same bytes in memory of their own.
    var copied: ByteBuffer {
        var copy = ByteBufferAllocator().buffer(capacity: readableBytes)
        copy.writeImmutableBuffer(self)
        return copy
    }
}
