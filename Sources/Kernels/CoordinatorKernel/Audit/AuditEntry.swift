import ZooKeeperProtocol

/// One line of the audit log: who did what to which node, and whether it was allowed and done.
package struct AuditEntry: Sendable, Equatable {
    package enum Operation: String, Sendable {
        case create, delete, setData, setAcl, multiOperation, reconfig, serverStart, serverStop
        case ephemeralZNodeDeletionOnSessionCloseOrExpire
    }

    package enum Result: String, Sendable {
        case success, failure, invoked
    }

    package var session: Int64?
    /// Of a client: all that it has shown to be. Empty for what the server does by itself.
    package var identities: [ZooKeeperID] = []
    package var operation: Operation
    package var path: String?
    /// Of a create.
    package var mode: CreateMode?
    /// Of a setAcl.
    package var acl: [ACL]?
    package var result: Result

    package init(_ operation: Operation, _ result: Result) {
        self.operation = operation
        self.result = result
    }

    /// The line in Apache ZooKeeper's form: `name=value`, separated by tabs, without what there is not.
    ///
    /// - Parameter server: the name of the user whom the server runs as.
    package func line(server: String) -> String {
        var fields: [(String, String?)] = [
            ("session", session.map { "0x" + String(UInt64(bitPattern: $0), radix: 16) })
        ]
        fields.append(("user", identities.isEmpty ? server : userNames))
        fields.append(("ip", identities.first { $0.scheme == "ip" }?.id))
        fields.append(("operation", operation.rawValue))
        fields.append(("znode", path))
        fields.append(("znode_type", mode?.auditName))
        fields.append(("acl", acl?.map(\.auditText).joined(separator: ",")))
        fields.append(("result", result.rawValue))
        return fields.compactMap { name, value in value.map { "\(name)=\(Self.escaped($0))" } }.joined(separator: "\t")
    }

    /// Without hashes and without roles.
    private var userNames: String {
        identities.compactMap { identity in
            switch identity.scheme {
            case "super": nil
            case DigestIdentity.scheme: String(identity.id.prefix { $0 != ":" })
            default: identity.id
            }
        }.joined(separator: ",")
    }

    /// What a client sends must not end a field or a line.
    private static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar.properties.generalCategory == .control {
                escaped += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension CreateMode {
    /// As Apache ZooKeeper's audit log has it.
    fileprivate var auditName: String {
        switch self {
        case .persistent: "persistent"
        case .ephemeral: "ephemeral"
        case .persistentSequential: "persistent_sequential"
        case .ephemeralSequential: "ephemeral_sequential"
        case .container: "container"
        case .persistentWithTTL: "persistent_with_ttl"
        case .persistentSequentialWithTTL: "persistent_sequential_with_ttl"
        }
    }
}

extension ACL {
    /// `scheme:id:cdrwa`
    fileprivate var auditText: String {
        let letters: [(Permissions, String)] = [
            (.create, "c"), (.delete, "d"), (.read, "r"), (.write, "w"), (.admin, "a"),
        ]
        let held = letters.filter { permissions.contains($0.0) }.map(\.1).joined()
        return "\(id.scheme):\(id.id):\(held)"
    }
}
