import NIOCore
import WireCoding

/// One read of a `multiRead`.
package enum ReadOperation: Sendable, Hashable {
    case getData(path: String)
    case getChildren(path: String)
}

/// Paths whose watches a client sets again after it has reconnected.
package struct WatchedPaths: Sendable, Hashable {
    /// The newest change the client has seen: what changed since is told at once.
    package var relativeZxid: Int64
    package var data: [String] = []
    package var exist: [String] = []
    package var child: [String] = []
    /// These two are told by `setWatches2` alone.
    package var persistent: [String] = []
    package var persistentRecursive: [String] = []

    package init(relativeZxid: Int64) { self.relativeZxid = relativeZxid }
}

/// What a client asks for, after its header.
package enum ZooKeeperRequest: Sendable, Hashable {
    case change(Operation)
    case multi([Operation])
    case multiRead([ReadOperation])
    case exists(path: String, watch: Bool)
    case getData(path: String, watch: Bool)
    case getACL(path: String)
    case setACL(path: String, acl: [ACL], version: Int32)
    case getChildren(path: String, watch: Bool)
    case getChildren2(path: String, watch: Bool)
    case sync(path: String)
    case ping
    case reconfig(joining: String?, leaving: String?, newMembers: String?, version: Int64)
    case checkWatches(path: String, type: Int32)
    case removeWatches(path: String, type: Int32)
    case auth(scheme: String, credentials: ByteBuffer)
    case setWatches(WatchedPaths)
    case setWatches2(WatchedPaths)
    case sasl(token: ByteBuffer?)
    case getEphemerals(prefix: String)
    case getAllChildrenNumber(path: String)
    case addWatch(path: String, mode: Int32)
    case whoAmI
    case closeSession

    package var opCode: OpCode {
        switch self {
        case .change(let operation): operation.opCode
        case .multi: .multi
        case .multiRead: .multiRead
        case .exists: .exists
        case .getData: .getData
        case .getACL: .getACL
        case .setACL: .setACL
        case .getChildren: .getChildren
        case .getChildren2: .getChildren2
        case .sync: .sync
        case .ping: .ping
        case .reconfig: .reconfig
        case .checkWatches: .checkWatches
        case .removeWatches: .removeWatches
        case .auth: .auth
        case .setWatches: .setWatches
        case .setWatches2: .setWatches2
        case .sasl: .sasl
        case .getEphemerals: .getEphemerals
        case .getAllChildrenNumber: .getAllChildrenNumber
        case .addWatch: .addWatch
        case .whoAmI: .whoAmI
        case .closeSession: .closeSession
        }
    }

    /// Reads what follows a header of `opCode`; nil when clients may not ask for that.
    package init?(_ opCode: OpCode, reading reader: inout WireReader) throws(MalformedInput) {
        switch opCode {
        case .create, .create2, .createContainer, .createTTL, .delete, .setData:
            guard let operation = try Operation(opCode, reading: &reader) else { return nil }
            self = .change(operation)
        case .multi: self = .multi(try Self.operations(reading: &reader))
        case .multiRead: self = .multiRead(try Self.reads(reading: &reader))
        case .exists: self = .exists(path: try reader.jutePath(), watch: try reader.bool())
        case .getData: self = .getData(path: try reader.jutePath(), watch: try reader.bool())
        case .getACL: self = .getACL(path: try reader.jutePath())
        case .setACL:
            self = .setACL(
                path: try reader.juteString(), acl: try ACL.list(reading: &reader), version: try reader.int32())
        case .getChildren: self = .getChildren(path: try reader.jutePath(), watch: try reader.bool())
        case .getChildren2: self = .getChildren2(path: try reader.jutePath(), watch: try reader.bool())
        case .sync: self = .sync(path: try reader.juteString())
        case .ping: self = .ping
        case .reconfig:
            self = .reconfig(
                joining: try reader.juteNullableString(), leaving: try reader.juteNullableString(),
                newMembers: try reader.juteNullableString(), version: try reader.int64())
        case .checkWatches: self = .checkWatches(path: try reader.jutePath(), type: try reader.int32())
        case .removeWatches: self = .removeWatches(path: try reader.juteString(), type: try reader.int32())
        case .auth:
            _ = try reader.int32()
            self = .auth(
                scheme: try reader.juteString(), credentials: try reader.juteBuffer() ?? ByteBuffer())
        case .setWatches: self = .setWatches(try Self.watchedPaths(reading: &reader, withPersistent: false))
        case .setWatches2: self = .setWatches2(try Self.watchedPaths(reading: &reader, withPersistent: true))
        case .sasl: self = .sasl(token: try reader.juteBuffer())
        case .getEphemerals: self = .getEphemerals(prefix: try reader.juteString())
        case .getAllChildrenNumber: self = .getAllChildrenNumber(path: try reader.jutePath())
        case .addWatch: self = .addWatch(path: try reader.juteString(), mode: try reader.int32())
        case .whoAmI: self = .whoAmI
        case .closeSession: self = .closeSession
        case .notification, .check, .deleteContainer, .createSession, .error: return nil
        }
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .change(let operation): operation.write(to: &writer)
        case .multi(let operations):
            for operation in operations {
                MultiHeader(type: operation.opCode.rawValue).write(to: &writer)
                operation.write(to: &writer)
            }
            MultiHeader.end.write(to: &writer)
        case .multiRead(let reads):
            for read in reads {
                let (opCode, path): (OpCode, String) =
                    switch read {
                    case .getData(let path): (.getData, path)
                    case .getChildren(let path): (.getChildren, path)
                    }
                MultiHeader(type: opCode.rawValue).write(to: &writer)
                writer.juteString(path)
                writer.bool(false)
            }
            MultiHeader.end.write(to: &writer)
        case .exists(let path, let watch), .getData(let path, let watch), .getChildren(let path, let watch),
            .getChildren2(let path, let watch):
            writer.juteString(path)
            writer.bool(watch)
        case .setACL(let path, let acl, let version):
            writer.juteString(path)
            ACL.write(acl, to: &writer)
            writer.int32(version)
        case .getACL(let path), .sync(let path), .getEphemerals(let path), .getAllChildrenNumber(let path):
            writer.juteString(path)
        case .reconfig(let joining, let leaving, let newMembers, let version):
            writer.juteString(joining)
            writer.juteString(leaving)
            writer.juteString(newMembers)
            writer.int64(version)
        case .checkWatches(let path, let number), .removeWatches(let path, let number), .addWatch(let path, let number):
            writer.juteString(path)
            writer.int32(number)
        case .auth(let scheme, let credentials):
            writer.int32(0)
            writer.juteString(scheme)
            writer.juteBuffer(credentials)
        case .setWatches(let paths), .setWatches2(let paths):
            writer.int64(paths.relativeZxid)
            writer.juteStrings(paths.data)
            writer.juteStrings(paths.exist)
            writer.juteStrings(paths.child)
            if case .setWatches2 = self {
                writer.juteStrings(paths.persistent)
                writer.juteStrings(paths.persistentRecursive)
            }
        case .sasl(let token): writer.juteBuffer(token)
        case .ping, .whoAmI, .closeSession: break
        }
    }

    private static func operations(reading reader: inout WireReader) throws(MalformedInput) -> [Operation] {
        var operations: [Operation] = []
        while true {
            let start = reader.position
            let header = try MultiHeader(reading: &reader)
            if header.isDone { return operations }
            guard let opCode = OpCode(rawValue: header.type), let operation = try Operation(opCode, reading: &reader)
            else { throw MalformedInput(.custom("an operation that cannot be part of a multi"), at: start) }
            operations.append(operation)
        }
    }

    private static func reads(reading reader: inout WireReader) throws(MalformedInput) -> [ReadOperation] {
        var reads: [ReadOperation] = []
        while true {
            let start = reader.position
            let header = try MultiHeader(reading: &reader)
            if header.isDone { return reads }
            let path = try reader.juteString()
            _ = try reader.bool()
            switch OpCode(rawValue: header.type) {
            case .getData: reads.append(.getData(path: path))
            case .getChildren: reads.append(.getChildren(path: path))
            default: throw MalformedInput(.custom("an operation that cannot be part of a multi read"), at: start)
            }
        }
    }

    private static func watchedPaths(
        reading reader: inout WireReader, withPersistent: Bool
    ) throws(MalformedInput) -> WatchedPaths {
        var paths = WatchedPaths(relativeZxid: try reader.int64())
        paths.data = try reader.juteStrings()
        paths.exist = try reader.juteStrings()
        paths.child = try reader.juteStrings()
        if withPersistent {
            paths.persistent = try reader.juteStrings()
            paths.persistentRecursive = try reader.juteStrings()
        }
        return paths
    }
}
