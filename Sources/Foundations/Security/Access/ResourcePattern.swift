/// What kind of thing a rule is about; the raw value is the protocol's.
package enum ResourceType: Int8, AccessWord {
    case topic = 2
    case group = 3
    case cluster = 4
    case transactionalID = 5
    case delegationToken = 6
    /// Whose tokens others may make (KIP-373).
    case user = 7

    /// As the tree's folders are named: `TransactionalId`.
    package var name: String {
        switch self {
        case .topic: "Topic"
        case .group: "Group"
        case .cluster: "Cluster"
        case .transactionalID: "TransactionalId"
        case .delegationToken: "DelegationToken"
        case .user: "User"
        }
    }

    /// What can be done with such a thing (KIP-430).
    package var operations: [AccessOperation] {
        switch self {
        case .topic: [.read, .write, .create, .delete, .alter, .describe, .describeConfigs, .alterConfigs]
        case .group: [.read, .delete, .describe]
        case .cluster:
            [.create, .alter, .describe, .clusterAction, .describeConfigs, .alterConfigs, .idempotentWrite]
        case .transactionalID: [.write, .describe]
        case .delegationToken: [.describe]
        case .user: [.createTokens, .describeTokens]
        }
    }
}

/// The resources that a rule is about: the one of this name, all (`*`, literally), or those whose names begin so.
package struct ResourcePattern: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// How the name is meant; the raw value is the protocol's (KIP-290).
    package enum Form: Int8, AccessWord {
        case literal = 3
        case prefixed = 4

        package var name: String {
            switch self {
            case .literal: "Literal"
            case .prefixed: "Prefixed"
            }
        }
    }

    /// Literally, it stands for every name.
    package static let everyName = "*"
    /// The one resource that is the cluster.
    package static let clusterName = "kafka-cluster"

    package var type: ResourceType
    package var name: String
    package var form: Form

    package init(_ type: ResourceType, _ name: String, _ form: Form = .literal) {
        self.type = type
        self.name = name
        self.form = form
    }

    package static func == (left: ResourcePattern, right: ResourcePattern) -> Bool {
        left.type == right.type && left.form == right.form && left.name.isExactly(right.name)
    }

    package static func < (left: ResourcePattern, right: ResourcePattern) -> Bool {
        if left.type != right.type { return left.type.rawValue < right.type.rawValue }
        if left.form != right.form { return left.form.rawValue < right.form.rawValue }
        return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(form)
        name.hashExactly(into: &hasher)
    }

    /// As `kafka-acls` prints it.
    package var description: String {
        "ResourcePattern(resourceType=\(type.constant), name=\(name), patternType=\(form.constant))"
    }
}

extension String {
    /// Whether the bytes are the same. Swift's `==` takes an "é" of one scalar and one of two for the same text; to Apache
    /// Kafka they are two names, and who may use one must not thereby use the other.
    func isExactly(_ other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// Hashes what ``isExactly(_:)`` compares.
    func hashExactly(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xff as UInt8)
    }
}
