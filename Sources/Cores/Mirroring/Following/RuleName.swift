import NIOCore
import WireCoding

/// One access rule (an ACL), with the protocol's numbers: a rule of a kind that is not known here follows like any.
package struct RuleName: Hashable, Sendable {
    package static let topicType: Int8 = 2
    package static let literalForm: Int8 = 3
    package static let everyOperation: Int8 = 2
    package static let readOperation: Int8 = 3
    package static let writeOperation: Int8 = 4
    package static let allowing: Int8 = 3

    package var resourceType: Int8
    package var resource: String
    package var form: Int8
    package var principal: String
    package var host: String
    package var operation: Int8
    package var permission: Int8

    package init(
        _ resourceType: Int8, _ resource: String, form: Int8, principal: String, host: String, operation: Int8,
        permission: Int8
    ) {
        self.resourceType = resourceType
        self.resource = resource
        self.form = form
        self.principal = principal
        self.host = host
        self.operation = operation
        self.permission = permission
    }

    /// What MirrorMaker 2 makes of the rule at the target of a link that gives topics other names; nil for what it leaves
    /// out: mirrors are not to be written, so who may do all may read, and who may write may not.
    /// - Parameter remote: the topic's name at the target; nil when it is not mirrored.
    package func atCompatibleTarget(_ remote: (String) -> String?) -> RuleName? {
        guard resourceType == Self.topicType, form == Self.literalForm, let name = remote(resource) else { return nil }
        var rule = self
        rule.resource = name
        guard permission == Self.allowing else { return rule }
        switch operation {
        case Self.writeOperation: return nil
        case Self.everyOperation: rule.operation = Self.readOperation
        default: break
        }
        return rule
    }
}

extension RuleName: Comparable {
    package static func < (one: RuleName, other: RuleName) -> Bool {
        (
            one.resourceType, one.form, one.resource, one.principal, one.host,
            Int16(one.operation) << 8 | Int16(one.permission)
        )
            < (
                other.resourceType, other.form, other.resource, other.principal, other.host,
                Int16(other.operation) << 8 | Int16(other.permission)
            )
    }
}

extension RuleName: CustomStringConvertible {
    private static let types: [Int8: String] = [
        2: "topic", 3: "group", 4: "cluster", 5: "transactional id", 6: "delegation token", 7: "user",
    ]
    private static let operations: [Int8: String] = [
        2: "ALL", 3: "READ", 4: "WRITE", 5: "CREATE", 6: "DELETE", 7: "ALTER", 8: "DESCRIBE", 9: "CLUSTER_ACTION",
        10: "DESCRIBE_CONFIGS", 11: "ALTER_CONFIGS", 12: "IDEMPOTENT_WRITE", 13: "CREATE_TOKENS", 14: "DESCRIBE_TOKENS",
    ]

    /// For people: `ALLOW User:alice READ on topic orders`, with `prefix*` for all that begin so and the host that is not any.
    package var description: String {
        let verb = permission == Self.allowing ? "ALLOW" : "DENY"
        let place = host == "*" ? "" : " from \(host)"
        return "\(verb) \(principal) \(Self.operations[operation] ?? "operation \(operation)") on "
            + "\(Self.types[resourceType] ?? "resource of type \(resourceType)") "
            + "\(resource)\(form == Self.literalForm ? "" : "*")\(place)"
    }
}

extension RuleName: FollowedName {
    package static func topic(source: String, target: String) -> String { "mirror-rules.\(source)-\(target).internal" }

    package var recordKey: ByteBuffer {
        var writer = WireWriter()
        for number in [resourceType, form, operation, permission] { writer.int8(number) }
        for text in [resource, principal, host] { writer.shortText(text) }
        return writer.buffer()
    }

    package init(recordKey: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(recordKey) { reader throws(MalformedInput) in
            let (resourceType, form) = (try reader.int8(), try reader.int8())
            let (operation, permission) = (try reader.int8(), try reader.int8())
            let resource = try reader.text(Int(try reader.int16()))
            let principal = try reader.text(Int(try reader.int16()))
            let host = try reader.text(Int(try reader.int16()))
            try reader.finish()
            return RuleName(
                resourceType, resource, form: form, principal: principal, host: host, operation: operation,
                permission: permission)
        }
    }

    package static func recordValue(_ marks: Set<Presence>) -> ByteBuffer { Presence.recordValue }

    package static func marks(recordValue: ByteBuffer) throws(MalformedInput) -> Set<Presence> {
        try Presence.marks(recordValue: recordValue)
    }
}
