import WireCoding

/// Whom an ACL entry speaks of: `world:anyone`, `digest:user:hash`, `ip:address`, …
package struct ZooKeeperID: Sendable, Hashable {
    package var scheme: String
    package var id: String

    package init(scheme: String, id: String) {
        self.scheme = scheme
        self.id = id
    }

    package static let anyone = ZooKeeperID(scheme: "world", id: "anyone")

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        scheme = try reader.juteString()
        id = try reader.juteString()
    }

    package func write(to writer: inout WireWriter) {
        writer.juteString(scheme)
        writer.juteString(id)
    }
}

package struct Permissions: OptionSet, Sendable, Hashable {
    package var rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let read = Permissions(rawValue: 1)
    package static let write = Permissions(rawValue: 2)
    package static let create = Permissions(rawValue: 4)
    package static let delete = Permissions(rawValue: 8)
    package static let admin = Permissions(rawValue: 16)
    package static let all = Permissions(rawValue: 31)
}

/// One entry of a node's ACL.
package struct ACL: Sendable, Hashable {
    package var permissions: Permissions
    package var id: ZooKeeperID

    package init(_ permissions: Permissions, _ id: ZooKeeperID) {
        self.permissions = permissions
        self.id = id
    }

    /// Everything for everybody.
    package static let open = [ACL(.all, .anyone)]

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        permissions = Permissions(rawValue: try reader.int32())
        id = try ZooKeeperID(reading: &reader)
    }

    package func write(to writer: inout WireWriter) {
        writer.int32(permissions.rawValue)
        id.write(to: &writer)
    }

    /// The bytes of the shortest entry, for ``WireReader/juteVector(minimumSize:_:)``.
    static let minimumSize = 12

    package static func list(reading reader: inout WireReader) throws(MalformedInput) -> [ACL] {
        try reader.juteVector(minimumSize: minimumSize) { reader throws(MalformedInput) in
            try ACL(reading: &reader)
        }
    }

    package static func write(_ list: [ACL], to writer: inout WireWriter) {
        writer.juteVector(list) { $1.write(to: &$0) }
    }
}
