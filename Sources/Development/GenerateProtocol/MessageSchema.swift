/// One message as its schema file describes it.
package struct MessageSchema: Sendable {
    package enum Kind: String, Sendable {
        case request, response, header, data
    }

    package var kind: Kind
    package var name: String
    /// What the message is for, in one sentence; from the comment above it.
    package var about: String
    /// Of requests and responses.
    package var key: Int?
    package var versions: VersionRange
    /// The versions with compact lengths and tagged fields; nil when there are none.
    package var flexible: VersionRange?
    /// Of requests: the versions that a broker offers, those of Apache Kafka 3.9 in ZooKeeper mode.
    package var offered: VersionRange?
    package var fields: [FieldSchema]
    /// All structures of the message, nested and shared ones alike, in the order of their appearance.
    package var structures: [StructureSchema]

    /// The name without `Request` or `Response`.
    package var apiName: String {
        for suffix in ["Request", "Response"] where name.hasSuffix(suffix) {
            return String(name.dropLast(suffix.count))
        }
        return name
    }
}

/// A structure within a message.
package struct StructureSchema: Sendable {
    package var name: String
    /// Versions of the message in which it can occur.
    package var versions: VersionRange
    package var fields: [FieldSchema]
}

/// One field of a message or a structure.
package struct FieldSchema: Sendable {
    package enum Element: Equatable, Sendable {
        case int8, int16, int32, int64, uint16, uint32, float64, bool, string, bytes, records, uuid
        case structure(String)
    }

    package var name: String
    package var element: Element
    package var isArray: Bool
    package var versions: VersionRange
    /// Versions in which it may be null; nil when never.
    package var nullable: VersionRange?
    /// Its number among the tagged fields; nil when it stands in the fields' order.
    package var tag: Int?
    /// Keeps a two-byte length in flexible versions too (the client id of a request's header).
    package var isClassic: Bool
    /// As written in the schema; nil for the type's own zero.
    package var defaultValue: String?
}
