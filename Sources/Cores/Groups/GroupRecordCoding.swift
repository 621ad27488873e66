import ClusterModel
import KafkaProtocolGroups
import NIOCore
import WireCoding

/// Apache Kafka's formats of the records in `__consumer_offsets`: a key of two bytes of version and the key's fields,
/// a value likewise; no value takes back what the key named.
extension GroupRecord {
    /// The versions that Apache Kafka 3.9 writes.
    private enum Version {
        static let offsetKey: Int16 = 1
        static let groupKey: Int16 = 2
        static let offsetValue: Int16 = 3
        /// The last version that has room for an expiry asked for by the committer.
        static let expiringOffsetValue: Int16 = 1
        static let groupValue: Int16 = 3
    }

    /// Key and value as the log holds them; nil for the end of a transaction, which is a control record.
    package func encoded() -> (key: ByteBuffer, value: ByteBuffer?)? {
        switch self {
        case .offsetCommitted(let group, let partition, let offset, _):
            (Self.offsetKey(group, partition), Self.encoded(offset))
        case .offsetForgotten(let group, let partition): (Self.offsetKey(group, partition), nil)
        case .groupStored(let group, let stored): (Self.groupKey(group), Self.encoded(stored))
        case .groupForgotten(let group): (Self.groupKey(group), nil)
        case .consumerGroup(let group, let record): record.encoded(of: group)
        case .transactionEnded: nil
        }
    }

    private static func offsetKey(_ group: String, _ partition: TopicPartition) -> ByteBuffer {
        var key = OffsetCommitKey()
        key.group = group
        key.topic = partition.topic
        key.partition = partition.partition
        var writer = WireWriter(capacity: 16 + group.utf8.count + partition.topic.utf8.count)
        writer.int16(Version.offsetKey)
        key.write(to: &writer, version: Version.offsetKey)
        return writer.buffer()
    }

    private static func groupKey(_ group: String) -> ByteBuffer {
        var key = GroupMetadataKey()
        key.group = group
        var writer = WireWriter(capacity: 8 + group.utf8.count)
        writer.int16(Version.groupKey)
        key.write(to: &writer, version: Version.groupKey)
        return writer.buffer()
    }

    private static func encoded(_ offset: CommittedOffset) -> ByteBuffer {
        var value = OffsetCommitValue()
        value.offset = offset.offset
        value.leaderEpoch = offset.leaderEpoch
        value.metadata = offset.metadata
        value.commitTimestamp = offset.committedAt
        value.expireTimestamp = offset.expiresAt ?? -1
        let version = offset.expiresAt == nil ? Version.offsetValue : Version.expiringOffsetValue
        var writer = WireWriter(capacity: 32 + offset.metadata.utf8.count)
        writer.int16(version)
        value.write(to: &writer, version: version)
        return writer.buffer()
    }

    private static func encoded(_ group: StoredGroup) -> ByteBuffer {
        var value = GroupMetadataValue()
        value.protocolType = group.protocolType
        value.generation = group.generation
        value.protocol = group.protocolName
        value.leader = group.leader
        value.currentStateTimestamp = group.stateSince
        value.members = group.members.map { member in
            var told = GroupMetadataValue.MemberMetadata()
            told.memberId = member.id
            told.groupInstanceId = member.instanceID
            told.clientId = member.clientID
            told.clientHost = member.clientHost
            told.rebalanceTimeout = member.rebalanceTimeoutInMilliseconds
            told.sessionTimeout = member.sessionTimeoutInMilliseconds
            told.subscription = member.subscription
            told.assignment = member.assignment
            return told
        }
        var writer = WireWriter(capacity: 1024)
        writer.int16(Version.groupValue)
        value.write(to: &writer, version: Version.groupValue)
        return writer.buffer()
    }

    /// Reads a record of the log. nil for a kind of key that consumer groups do not use (share groups').
    ///
    /// - Parameter producer: whose transaction the record belongs to, if any.
    package init?(key: ByteBuffer, value: ByteBuffer?, producer: ProducerID?) throws(MalformedInput) {
        let decoded = try WireReader.read(key) { reader throws(MalformedInput) -> GroupRecord? in
            let version = try reader.int16()
            switch version {
            case 0...Version.offsetKey:
                let key = try OffsetCommitKey(reading: &reader, version: version)
                let partition = TopicPartition(topic: key.topic, partition: key.partition)
                guard let value else { return .offsetForgotten(group: key.group, partition) }
                return .offsetCommitted(
                    group: key.group, partition, try CommittedOffset(reading: value), producer: producer)
            case Version.groupKey:
                let key = try GroupMetadataKey(reading: &reader, version: version)
                guard let value else { return .groupForgotten(key.group) }
                return .groupStored(key.group, try StoredGroup(reading: value))
            default:
                let read = try ConsumerGroupRecord.read(kind: version, key: &reader, value: value)
                return read.map { .consumerGroup($0.group, $0.record) }
            }
        }
        guard let decoded else { return nil }
        self = decoded
    }
}

extension CommittedOffset {
    /// The versions that can be read.
    private static let versions: ClosedRange<Int16> = 0...4

    fileprivate init(reading value: ByteBuffer) throws(MalformedInput) {
        let read = try WireReader.read(value) { reader throws(MalformedInput) in
            let version = try reader.int16()
            guard Self.versions.contains(version) else { throw MalformedInput(.unsupportedVersion, at: 0) }
            return try OffsetCommitValue(reading: &reader, version: version)
        }
        self.init(
            offset: read.offset, leaderEpoch: read.leaderEpoch, metadata: read.metadata,
            committedAt: read.commitTimestamp, expiresAt: read.expireTimestamp == -1 ? nil : read.expireTimestamp)
    }
}

extension StoredGroup {
    /// The versions that can be read.
    private static let versions: ClosedRange<Int16> = 0...4

    fileprivate init(reading value: ByteBuffer) throws(MalformedInput) {
        let (read, version) = try WireReader.read(value) { reader throws(MalformedInput) in
            let version = try reader.int16()
            guard Self.versions.contains(version) else { throw MalformedInput(.unsupportedVersion, at: 0) }
            return (try GroupMetadataValue(reading: &reader, version: version), version)
        }
        self.init(
            protocolType: read.protocolType, generation: read.generation, protocolName: read.protocol,
            leader: read.leader, stateSince: read.currentStateTimestamp,
            members: read.members.map { member in
                StoredMember(
                    id: member.memberId, instanceID: member.groupInstanceId, clientID: member.clientId,
                    clientHost: member.clientHost,
                    rebalanceTimeoutInMilliseconds: version == 0 ? member.sessionTimeout : member.rebalanceTimeout,
                    sessionTimeoutInMilliseconds: member.sessionTimeout, subscription: member.subscription,
                    assignment: member.assignment)
            })
    }
}
