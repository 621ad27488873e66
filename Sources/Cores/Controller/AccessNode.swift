import Security

/// A node of rules about one pattern, below `/kafka-acl` or `/kafka-acl-extended`, as Apache Kafka writes it:
/// `{"version":1,"acls":[{"principal":"User:alice","permissionType":"Allow","operation":"Read","host":"*"}]}`.
package enum AccessNode {
    private static let version: Int64 = 1

    /// - Throws: for a node of which one rule makes no sense: what it denies must not be allowed.
    package static func parse(_ data: [UInt8]) throws(MalformedNode) -> [AccessEntry] {
        guard !data.isEmpty else { return [] }
        let fields = try NodeFields("rules of access", data, versions: version...version)
        guard let items = fields.object["acls"]?.asArray else { throw fields.malformed("acls") }
        var entries: [AccessEntry] = []
        for item in items {
            guard let object = item.asObject else { throw fields.malformed("acls") }
            func text(_ name: String) throws(MalformedNode) -> String {
                guard let text = object[name]?.asString else { throw fields.malformed(name) }
                return text
            }
            guard let whom = KafkaPrincipal(try text("principal")) else { throw fields.malformed("principal") }
            guard let permission = AccessPermission(name: try text("permissionType")) else {
                throw fields.malformed("permissionType")
            }
            guard let operation = AccessOperation(name: try text("operation")) else {
                throw fields.malformed("operation")
            }
            entries.append(AccessEntry(permission, operation, to: whom, from: try text("host")))
        }
        return entries
    }

    package static func text(_ entries: [AccessEntry]) -> [UInt8] {
        let acls = entries.map { entry in
            JSONValue.object([
                "principal": .string(entry.principal.description), "permissionType": .string(entry.permission.name),
                "operation": .string(entry.operation.name), "host": .string(entry.host),
            ])
        }
        return JSONValue.object(["version": .integer(version), "acls": .array(acls)]).text
    }

    /// A notice that the rules about `pattern` have changed.
    static func changeText(_ pattern: ResourcePattern) -> [UInt8] {
        switch pattern.form {
        case .literal: Array("\(pattern.type.constant):\(pattern.name)".utf8)
        case .prefixed:
            JSONValue.object([
                "version": .integer(version), "resourceType": .string(pattern.type.constant),
                "name": .string(pattern.name), "patternType": .string(pattern.form.constant),
            ]).text
        }
    }
}
