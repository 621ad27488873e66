import NIOCore
import Security
import WireCoding

extension RuleName {
    /// What MirrorMaker 2 makes of the rule at the target of a link that gives topics other names; nil for what it leaves
    /// out: mirrors are not to be written, so who may do all may read, and who may write may not.
    /// - Parameter remote: the topic's name at the target; nil when it is not mirrored.
    package func atCompatibleTarget(_ remote: (String) -> String?) -> RuleName? {
        guard resourceType == ResourceType.topic.rawValue, form == ResourcePattern.Form.literal.rawValue,
            let name = remote(resource)
        else { return nil }
        var rule = self
        rule.resource = name
        guard permission == AccessPermission.allow.rawValue else { return rule }
        switch AccessOperation(rawValue: operation) {
        case .write: return nil
        case .all: rule.operation = AccessOperation.read.rawValue
        default: break
        }
        return rule
    }
}

extension RuleName {
    private static let everyResource = "*"

    /// The rule about the same topics under their names at the target of a link that mirrors exactly; nil where the target
    /// has no topic that it could be about. What is about all topics of the source is about those that came from there.
    package func atExactTarget(_ names: LinkNames) -> RuleName? {
        guard !names.areSame, resourceType == ResourceType.topic.rawValue else { return self }
        let isForAll = form == ResourcePattern.Form.literal.rawValue && resource == Self.everyResource
        var rule = self
        if isForAll || form == ResourcePattern.Form.prefixed.rawValue {
            rule.resource = names.startAtTarget(isForAll ? "" : resource)
            rule.form = ResourcePattern.Form.prefixed.rawValue
            guard rule.resource.isEmpty else { return rule }
            rule.resource = Self.everyResource
            rule.form = ResourcePattern.Form.literal.rawValue
        } else {
            rule.resource = names.atTarget(resource)
        }
        return LinkNames.isMarked(rule.resource) ? nil : rule
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
