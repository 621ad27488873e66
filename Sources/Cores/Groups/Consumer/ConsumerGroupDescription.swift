import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups

/// A group of the new protocol as operators see it (KIP-848, "ConsumerGroupDescribe API").
extension GroupRegistry {
    package func consumerDescription(of group: String) -> ConsumerGroupDescribeResponse.DescribedGroup {
        var described = ConsumerGroupDescribeResponse.DescribedGroup()
        described.groupId = group
        guard let found = consumerGroup(group) else {
            described.errorCode = ErrorCode.groupIdNotFound.rawValue
            described.errorMessage = "Group \(group) is not a consumer group."
            return described
        }
        let names = Dictionary(found.topics.map { ($1.id, $0) }) { first, _ in first }
        described.groupState = found.state.rawValue
        described.groupEpoch = found.epoch ?? 0
        described.assignmentEpoch = found.assignmentEpoch
        described.assignorName = preferredAssignor(of: found).rawValue
        described.members = found.members.sorted { $0.key < $1.key }.map { memberID, member in
            let standing = found.standing(of: memberID)
            var told = ConsumerGroupDescribeResponse.Member()
            told.memberId = memberID
            told.instanceId = member.instanceID
            told.rackId = member.rack
            told.memberEpoch = standing.epoch
            told.clientId = member.clientID
            told.clientHost = member.clientHost
            told.subscribedTopicNames = member.topics
            told.subscribedTopicRegex = member.pattern
            told.assignment = .init(standing.assigned, names: names)
            told.targetAssignment = .init(found.target(of: memberID), names: names)
            return told
        }
        return described
    }
}

extension ConsumerGroupDescribeResponse.Assignment {
    /// Topics that are gone are left out.
    fileprivate init(_ partitions: PartitionSet, names: [KafkaUUID: String]) {
        self.init()
        topicPartitions = partitions.sorted.compactMap { topic, partitions in
            guard let name = names[topic] else { return nil }
            var told = ConsumerGroupDescribeResponse.TopicPartitions()
            told.topicId = topic
            told.topicName = name
            told.partitions = partitions
            return told
        }
    }
}
