import ClusterModel
import KafkaProtocolGroups
import KafkaProtocolJSON
import NIOCore
import WireCoding

/// The records of `__consumer_offsets` as JSON: the key's version tells what a record is.
enum GroupRecordText {
    private static let names: [Int16: String] = [
        0: "OffsetCommit", 1: "OffsetCommit", 2: "GroupMetadata", 3: "ConsumerGroupMetadata",
        4: "ConsumerGroupPartitionMetadata", 5: "ConsumerGroupMemberMetadata",
        6: "ConsumerGroupTargetAssignmentMetadata", 7: "ConsumerGroupTargetAssignmentMember",
        8: "ConsumerGroupCurrentMemberAssignment", 16: "ConsumerGroupRegularExpression",
    ]

    static func text(
        of key: ByteBuffer, _ value: ByteBuffer?, at offset: Offset
    ) throws -> (key: String?, value: String?) {
        var key = key
        guard let type = key.readInteger(as: Int16.self), let name = names[type],
            let keyMessage = WireJSON.message(named: name + "Key"),
            let valueMessage = WireJSON.message(named: name + "Value")
        else { return ("Unknown record type at offset \(offset), skipping.", nil) }
        let keyBody = try WireJSON.decode(keyMessage, version: type, from: key)
        let keyText = JSONValue.object([.init("type", .string("\(type)")), .init("data", keyBody)]).text
        guard var value else { return (keyText, "<DELETE>") }
        let version = value.readInteger(as: Int16.self) ?? -1
        var body = try WireJSON.decode(valueMessage, version: version, from: value)
        if type == 2 { body = try withMembersRead(body, of: value, version: version) }
        return (keyText, JSONValue.object([.init("version", .string("\(version)")), .init("data", body)]).text)
    }

    /// Of a group of consumers, the members' subscriptions and assignments in the place of their bytes.
    private static func withMembersRead(
        _ body: JSONValue, of value: ByteBuffer, version: Int16
    ) throws -> JSONValue {
        let group = try WireReader.read(value) { reader throws(MalformedInput) in
            try GroupMetadataValue(reading: &reader, version: version)
        }
        guard group.protocolType == "consumer", case .array(var members)? = body["members"] else { return body }
        for (place, member) in group.members.enumerated() {
            let subscription = try embedded(ConsumerProtocolSubscription.self, member.subscription)
            let assignment = try embedded(ConsumerProtocolAssignment.self, member.assignment)
            members[place] = members[place].replacing("subscription", with: subscription)
                .replacing("assignment", with: assignment)
        }
        return body.replacing("members", with: .array(members))
    }

    /// A message after its version; nil when there are no bytes. A version that is not known is read as the last known.
    private static func embedded(_ type: any NamedMessage.Type, _ bytes: ByteBuffer) throws -> JSONValue? {
        var bytes = bytes
        guard let version = bytes.readInteger(as: Int16.self) else { return nil }
        let known = min(max(version, type.validVersions.lowerBound), type.validVersions.upperBound)
        return try WireReader.read(bytes) { reader throws(MalformedInput) in
            try type.init(reading: &reader, version: known).json(version: known)
        }
    }
}

extension JSONValue {
    /// With another value of the member of that name; nil leaves it as it is.
    fileprivate func replacing(_ name: String, with value: JSONValue?) -> JSONValue {
        guard case .object(let members) = self, let value else { return self }
        return .object(members.map { $0.name == name ? Member(name, value) : $0 })
    }
}
