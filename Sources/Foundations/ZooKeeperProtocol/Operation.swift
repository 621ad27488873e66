import NIOCore
import WireCoding

/// How a node lives: the `flags` of the create operations.
package enum CreateMode: Int32, Sendable, CaseIterable {
    case persistent = 0
    case ephemeral = 1
    case persistentSequential = 2
    case ephemeralSequential = 3
    case container = 4
    case persistentWithTTL = 5
    case persistentSequentialWithTTL = 6

    package var isEphemeral: Bool { self == .ephemeral || self == .ephemeralSequential }
    package var isSequential: Bool {
        self == .persistentSequential || self == .ephemeralSequential || self == .persistentSequentialWithTTL
    }
    package var hasTTL: Bool { self == .persistentWithTTL || self == .persistentSequentialWithTTL }
}

/// What `create`, `create2`, `createContainer` and `createTTL` carry.
package struct CreateOperation: Sendable, Hashable {
    package var path: String
    /// nil for null, which reads back as null.
    package var data: ByteBuffer?
    package var acl: [ACL]
    /// A ``CreateMode``, or what nobody knows.
    package var flags: Int32
    /// Milliseconds; for `createTTL` only.
    package var ttl: Int64 = 0

    package init(path: String, data: ByteBuffer?, acl: [ACL], mode: CreateMode, ttl: Int64 = 0) {
        self.path = path
        self.data = data
        self.acl = acl
        self.flags = mode.rawValue
        self.ttl = ttl
    }

    init(reading reader: inout WireReader, hasTTL: Bool) throws(MalformedInput) {
        path = try reader.jutePath()
        data = try reader.juteBuffer()
        acl = try ACL.list(reading: &reader)
        flags = try reader.int32()
        if hasTTL { ttl = try reader.int64() }
    }

    func write(to writer: inout WireWriter, hasTTL: Bool) {
        writer.juteString(path)
        writer.juteBuffer(data)
        ACL.write(acl, to: &writer)
        writer.int32(flags)
        if hasTTL { writer.int64(ttl) }
    }
}

/// A change, by itself or inside a multi. `check` changes nothing, and is valid only inside one.
package enum Operation: Sendable, Hashable {
    case create(CreateOperation)
    case create2(CreateOperation)
    case createContainer(CreateOperation)
    case createTTL(CreateOperation)
    case delete(path: String, version: Int32)
    case setData(path: String, data: ByteBuffer?, version: Int32)
    case check(path: String, version: Int32)

    package var opCode: OpCode {
        switch self {
        case .create: .create
        case .create2: .create2
        case .createContainer: .createContainer
        case .createTTL: .createTTL
        case .delete: .delete
        case .setData: .setData
        case .check: .check
        }
    }

    /// Reads the operation `opCode`; nil when it is not one of these.
    package init?(_ opCode: OpCode, reading reader: inout WireReader) throws(MalformedInput) {
        switch opCode {
        case .create: self = .create(try CreateOperation(reading: &reader, hasTTL: false))
        case .create2: self = .create2(try CreateOperation(reading: &reader, hasTTL: false))
        case .createContainer: self = .createContainer(try CreateOperation(reading: &reader, hasTTL: false))
        case .createTTL: self = .createTTL(try CreateOperation(reading: &reader, hasTTL: true))
        case .delete: self = .delete(path: try reader.jutePath(), version: try reader.int32())
        case .setData:
            self = .setData(
                path: try reader.juteString(), data: try reader.juteBuffer(), version: try reader.int32())
        case .check: self = .check(path: try reader.juteString(), version: try reader.int32())
        default: return nil
        }
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .create(let create), .create2(let create), .createContainer(let create):
            create.write(to: &writer, hasTTL: false)
        case .createTTL(let create): create.write(to: &writer, hasTTL: true)
        case .delete(let path, let version), .check(let path, let version):
            writer.juteString(path)
            writer.int32(version)
        case .setData(let path, let data, let version):
            writer.juteString(path)
            writer.juteBuffer(data)
            writer.int32(version)
        }
    }
}

/// The header in front of each operation or result of a multi, and behind the last.
struct MultiHeader {
    var type: Int32
    var isDone: Bool
    var error: Int32

    static let end = MultiHeader(type: -1, isDone: true, error: -1)

    init(type: Int32, isDone: Bool = false, error: Int32 = -1) {
        self.type = type
        self.isDone = isDone
        self.error = error
    }

    init(reading reader: inout WireReader) throws(MalformedInput) {
        type = try reader.int32()
        isDone = try reader.bool()
        error = try reader.int32()
    }

    func write(to writer: inout WireWriter) {
        writer.int32(type)
        writer.bool(isDone)
        writer.int32(error)
    }
}
