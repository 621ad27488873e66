import NIOCore
import WireCoding

/// The result of one operation of a multi or multi read.
package enum OperationResult: Sendable, Hashable {
    case created(path: String)
    /// Of `create2`, `createContainer` and `createTTL`.
    case created2(path: String, Stat)
    case deleted
    case dataSet(Stat)
    case checked
    case data(ByteBuffer?, Stat)
    case children([String])
    case failed(ZooKeeperError)
}

/// What follows the header of a reply without error.
package enum ZooKeeperReply: Sendable, Hashable {
    case empty
    case path(String)
    case pathAndStat(String, Stat)
    case stat(Stat)
    case data(ByteBuffer?, Stat)
    case acl([ACL], Stat)
    case strings([String])
    case stringsAndStat([String], Stat)
    case number(Int32)
    case identities([ZooKeeperID])
    case token(ByteBuffer?)
    case results([OperationResult])

    /// Reads the reply to a request of `opCode`.
    package init(to opCode: OpCode, reading reader: inout WireReader) throws(MalformedInput) {
        switch opCode {
        case .create, .sync: self = .path(try reader.juteString())
        case .create2, .createContainer, .createTTL:
            self = .pathAndStat(try reader.juteString(), try Stat(reading: &reader))
        case .exists, .setData, .setACL: self = .stat(try Stat(reading: &reader))
        case .getData, .reconfig: self = .data(try reader.juteBuffer(), try Stat(reading: &reader))
        case .getACL: self = .acl(try ACL.list(reading: &reader), try Stat(reading: &reader))
        case .getChildren, .getEphemerals: self = .strings(try reader.juteStrings())
        case .getChildren2: self = .stringsAndStat(try reader.juteStrings(), try Stat(reading: &reader))
        case .getAllChildrenNumber, .addWatch: self = .number(try reader.int32())
        case .whoAmI:
            self = .identities(
                try reader.juteVector(minimumSize: 8) { reader throws(MalformedInput) in
                    try ZooKeeperID(reading: &reader)
                })
        case .sasl: self = .token(try reader.juteBuffer())
        case .multi, .multiRead: self = .results(try Self.results(reading: &reader))
        default: self = .empty
        }
    }

    package func write(to writer: inout WireWriter) {
        switch self {
        case .empty: break
        case .path(let path): writer.juteString(path)
        case .pathAndStat(let path, let stat):
            writer.juteString(path)
            stat.write(to: &writer)
        case .stat(let stat): stat.write(to: &writer)
        case .data(let data, let stat):
            writer.juteBuffer(data)
            stat.write(to: &writer)
        case .acl(let acl, let stat):
            ACL.write(acl, to: &writer)
            stat.write(to: &writer)
        case .strings(let strings): writer.juteStrings(strings)
        case .stringsAndStat(let strings, let stat):
            writer.juteStrings(strings)
            stat.write(to: &writer)
        case .number(let number): writer.int32(number)
        case .identities(let identities): writer.juteVector(identities) { $1.write(to: &$0) }
        case .token(let token): writer.juteBuffer(token)
        case .results(let results):
            for result in results { Self.write(result, to: &writer) }
            MultiHeader.end.write(to: &writer)
        }
    }

    private static func write(_ result: OperationResult, to writer: inout WireWriter) {
        func header(_ opCode: OpCode, _ error: ZooKeeperError = .ok) {
            MultiHeader(type: opCode.rawValue, error: error.rawValue).write(to: &writer)
        }
        switch result {
        case .created(let path):
            header(.create)
            writer.juteString(path)
        case .created2(let path, let stat):
            header(.create2)
            writer.juteString(path)
            stat.write(to: &writer)
        case .deleted: header(.delete)
        case .dataSet(let stat):
            header(.setData)
            stat.write(to: &writer)
        case .checked: header(.check)
        case .data(let data, let stat):
            header(.getData)
            writer.juteBuffer(data)
            stat.write(to: &writer)
        case .children(let children):
            header(.getChildren)
            writer.juteStrings(children)
        case .failed(let error):
            header(.error, error)
            writer.int32(error.rawValue)
        }
    }

    private static func results(reading reader: inout WireReader) throws(MalformedInput) -> [OperationResult] {
        var results: [OperationResult] = []
        while true {
            let start = reader.position
            let header = try MultiHeader(reading: &reader)
            if header.isDone { return results }
            switch OpCode(rawValue: header.type) {
            case .create: results.append(.created(path: try reader.juteString()))
            case .create2, .createContainer, .createTTL:
                results.append(.created2(path: try reader.juteString(), try Stat(reading: &reader)))
            case .delete: results.append(.deleted)
            case .setData: results.append(.dataSet(try Stat(reading: &reader)))
            case .check: results.append(.checked)
            case .getData: results.append(.data(try reader.juteBuffer(), try Stat(reading: &reader)))
            case .getChildren: results.append(.children(try reader.juteStrings()))
            case .error: results.append(.failed(ZooKeeperError(rawValue: try reader.int32())))
            default: throw MalformedInput(.custom("no such result of a multi"), at: start)
            }
        }
    }
}
