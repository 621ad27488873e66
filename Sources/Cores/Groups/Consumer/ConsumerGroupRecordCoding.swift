import ClusterModel
import KafkaProtocolGroups
import NIOCore
import WireCoding

/// Apache Kafka's formats of the records of groups of the new protocol (KIP-848, "Persistence"); the key's version says
/// of what a record is.
extension ConsumerGroupRecord {
    /// The version of all values.
    private static let valueVersion: Int16 = 0

    /// Key and value as the log holds them.
    func encoded(of group: String) -> (key: ByteBuffer, value: ByteBuffer?) {
        switch self {
        case .epoch(let epoch):
            var key = ConsumerGroupMetadataKey()
            key.groupId = group
            return (Self.encoded(key: key), epoch.map { Self.encoded(ConsumerGroupMetadataValue(epoch: $0)) })
        case .topics(let topics):
            var key = ConsumerGroupPartitionMetadataKey()
            key.groupId = group
            return (Self.encoded(key: key), topics.map { Self.encoded(ConsumerGroupPartitionMetadataValue($0)) })
        case .member(let id, let member):
            var key = ConsumerGroupMemberMetadataKey()
            key.groupId = group
            key.memberId = id
            return (Self.encoded(key: key), member.map { Self.encoded(ConsumerGroupMemberMetadataValue($0)) })
        case .assignmentEpoch(let epoch):
            var key = ConsumerGroupTargetAssignmentMetadataKey()
            key.groupId = group
            return (
                Self.encoded(key: key),
                epoch.map { Self.encoded(ConsumerGroupTargetAssignmentMetadataValue(epoch: $0)) }
            )
        case .target(let id, let target):
            var key = ConsumerGroupTargetAssignmentMemberKey()
            key.groupId = group
            key.memberId = id
            return (Self.encoded(key: key), target.map { Self.encoded(ConsumerGroupTargetAssignmentMemberValue($0)) })
        case .standing(let id, let standing):
            var key = ConsumerGroupCurrentMemberAssignmentKey()
            key.groupId = group
            key.memberId = id
            return (
                Self.encoded(key: key), standing.map { Self.encoded(ConsumerGroupCurrentMemberAssignmentValue($0)) }
            )
        case .pattern(let pattern, let resolved):
            var key = ConsumerGroupRegularExpressionKey()
            key.groupId = group
            key.regularExpression = pattern
            return (Self.encoded(key: key), resolved.map { Self.encoded(ConsumerGroupRegularExpressionValue($0)) })
        }
    }

    /// A key has one version, which is its kind.
    private static func encoded<Key: WireMessage>(key: Key) -> ByteBuffer {
        encoded(key, version: Key.validVersions.lowerBound)
    }

    private static func encoded(_ value: some WireMessage) -> ByteBuffer { encoded(value, version: valueVersion) }

    private static func encoded(_ message: some WireMessage, version: Int16) -> ByteBuffer {
        var writer = WireWriter(capacity: 128)
        writer.int16(version)
        message.write(to: &writer, version: version)
        return writer.buffer()
    }

    /// Reads what follows the version in a key, and the value. nil for a kind of key that these groups do not use.
    static func read(
        kind: Int16, key reader: inout WireReader, value: ByteBuffer?
    ) throws(MalformedInput) -> (group: String, record: ConsumerGroupRecord)? {
        switch kind {
        case ConsumerGroupMetadataKey.kind:
            let key = try ConsumerGroupMetadataKey(reading: &reader, version: kind)
            let value: ConsumerGroupMetadataValue? = try read(value)
            return (key.groupId, .epoch(value?.epoch))
        case ConsumerGroupPartitionMetadataKey.kind:
            let key = try ConsumerGroupPartitionMetadataKey(reading: &reader, version: kind)
            let value: ConsumerGroupPartitionMetadataValue? = try read(value)
            return (key.groupId, .topics(value?.catalog))
        case ConsumerGroupMemberMetadataKey.kind:
            let key = try ConsumerGroupMemberMetadataKey(reading: &reader, version: kind)
            let value: ConsumerGroupMemberMetadataValue? = try read(value)
            return (key.groupId, .member(key.memberId, value.map { ConsumerMember($0) }))
        case ConsumerGroupTargetAssignmentMetadataKey.kind:
            let key = try ConsumerGroupTargetAssignmentMetadataKey(reading: &reader, version: kind)
            let value: ConsumerGroupTargetAssignmentMetadataValue? = try read(value)
            return (key.groupId, .assignmentEpoch(value?.assignmentEpoch))
        case ConsumerGroupTargetAssignmentMemberKey.kind:
            let key = try ConsumerGroupTargetAssignmentMemberKey(reading: &reader, version: kind)
            let value: ConsumerGroupTargetAssignmentMemberValue? = try read(value)
            return (key.groupId, .target(key.memberId, value?.partitions))
        case ConsumerGroupCurrentMemberAssignmentKey.kind:
            let key = try ConsumerGroupCurrentMemberAssignmentKey(reading: &reader, version: kind)
            let value: ConsumerGroupCurrentMemberAssignmentValue? = try read(value)
            return (key.groupId, .standing(key.memberId, value.map { MemberStanding($0) }))
        case ConsumerGroupRegularExpressionKey.kind:
            let key = try ConsumerGroupRegularExpressionKey(reading: &reader, version: kind)
            let value: ConsumerGroupRegularExpressionValue? = try read(value)
            return (key.groupId, .pattern(key.regularExpression, value.map { ResolvedPattern($0) }))
        default: return nil
        }
    }

    private static func read<Value: WireMessage>(_ value: ByteBuffer?) throws(MalformedInput) -> Value? {
        guard let value else { return nil }
        return try WireReader.read(value) { reader throws(MalformedInput) in
            let version = try reader.int16()
            guard version == valueVersion else { throw MalformedInput(.unsupportedVersion, at: 0) }
            return try Value(reading: &reader, version: version)
        }
    }
}

extension WireMessage {
    /// Of the key of a record: its only version.
    fileprivate static var kind: Int16 { validVersions.lowerBound }
}

// MARK: - Values

extension ConsumerGroupMetadataValue {
    fileprivate init(epoch: Int32) {
        self.init()
        self.epoch = epoch
    }
}

extension ConsumerGroupTargetAssignmentMetadataValue {
    fileprivate init(epoch: Int32) {
        self.init()
        assignmentEpoch = epoch
    }
}

extension ConsumerGroupPartitionMetadataValue {
    fileprivate init(_ catalog: [String: CatalogedTopic]) {
        self.init()
        topics = catalog.sorted { $0.key < $1.key }.map { name, topic in
            var told = TopicMetadata()
            told.topicId = topic.id
            told.topicName = name
            told.numPartitions = topic.partitionCount
            return told
        }
    }

    fileprivate var catalog: [String: CatalogedTopic] {
        topics.reduce(into: [:]) {
            $0[$1.topicName] = CatalogedTopic(id: $1.topicId, partitionCount: $1.numPartitions)
        }
    }
}

extension ConsumerGroupMemberMetadataValue {
    fileprivate init(_ member: ConsumerMember) {
        self.init()
        instanceId = member.instanceID
        rackId = member.rack
        clientId = member.clientID
        clientHost = member.clientHost
        subscribedTopicNames = member.topics
        subscribedTopicRegex = member.pattern
        rebalanceTimeoutMs = member.rebalanceTimeoutInMilliseconds
        serverAssignor = member.assignor
    }
}

extension ConsumerMember {
    fileprivate init(_ value: ConsumerGroupMemberMetadataValue) {
        self.init()
        instanceID = value.instanceId
        rack = value.rackId
        clientID = value.clientId
        clientHost = value.clientHost
        topics = value.subscribedTopicNames
        pattern = value.subscribedTopicRegex.flatMap { $0.isEmpty ? nil : $0 }
        rebalanceTimeoutInMilliseconds = value.rebalanceTimeoutMs
        assignor = value.serverAssignor
    }
}

extension ConsumerGroupTargetAssignmentMemberValue {
    fileprivate init(_ target: PartitionSet) {
        self.init()
        topicPartitions = target.sorted.map { topic, partitions in
            var told = TopicPartition()
            told.topicId = topic
            told.partitions = partitions
            return told
        }
    }

    fileprivate var partitions: PartitionSet {
        PartitionSet(topicPartitions.lazy.map { ($0.topicId, $0.partitions) })
    }
}

extension ConsumerGroupCurrentMemberAssignmentValue {
    fileprivate init(_ standing: MemberStanding) {
        self.init()
        memberEpoch = standing.epoch
        previousMemberEpoch = standing.previousEpoch
        state = standing.state.rawValue
        assignedPartitions = Self.told(standing.assigned)
        partitionsPendingRevocation = Self.told(standing.revoking)
    }

    private static func told(_ partitions: PartitionSet) -> [TopicPartitions] {
        partitions.sorted.map { topic, partitions in
            var told = TopicPartitions()
            told.topicId = topic
            told.partitions = partitions
            return told
        }
    }
}

extension MemberStanding {
    fileprivate init(_ value: ConsumerGroupCurrentMemberAssignmentValue) {
        self.init(
            epoch: value.memberEpoch, previousEpoch: value.previousMemberEpoch,
            state: MemberState(rawValue: value.state) ?? .unknown,
            assigned: PartitionSet(value.assignedPartitions.lazy.map { ($0.topicId, $0.partitions) }),
            revoking: PartitionSet(value.partitionsPendingRevocation.lazy.map { ($0.topicId, $0.partitions) }))
    }
}

extension ConsumerGroupRegularExpressionValue {
    fileprivate init(_ resolved: ResolvedPattern) {
        self.init()
        topics = resolved.topics
        version = resolved.version
        timestamp = resolved.resolvedAt
    }
}

extension ResolvedPattern {
    fileprivate init(_ value: ConsumerGroupRegularExpressionValue) {
        self.init(topics: value.topics, version: value.version, resolvedAt: value.timestamp)
    }
}
