import KafkaProtocol
import KafkaProtocolGroups

/// What a member may say in a heartbeat, apart from what is known of it (KIP-848, "ConsumerGroupHeartbeat API").
extension ConsumerGroupHeartbeatRequest {
    /// What stands in the place of an epoch when a member joins, leaves, or leaves to come back.
    enum Epoch {
        static let joining: Int32 = 0
        static let leaving: Int32 = -1
        static let leavingForAWhile = MemberStanding.epochOfAbsence
    }

    /// The version from which on members choose their ids themselves (KIP-1082).
    private static let versionOfChosenIDs: Int16 = 1

    var isJoining: Bool { memberEpoch == Epoch.joining }

    /// Whether the member says all there is to say, and so has to be told all.
    var isFull: Bool {
        isJoining
            || (rebalanceTimeoutMs != -1 && (subscribedTopicNames != nil || subscribedTopicRegex != nil)
                && topicPartitions != nil)
    }

    /// What the member says it reads now.
    var owned: PartitionSet? { topicPartitions.map { PartitionSet($0.lazy.map { ($0.topicId, $0.partitions) }) } }

    func check(version: Int16, assignors: [PartitionAssignor]) throws(ConsumerRefusal) {
        if groupId.isEmpty { throw .invalid("GroupId can't be empty.") }
        if instanceId?.isEmpty ?? false { throw .invalid("InstanceId can't be empty.") }
        if rackId?.isEmpty ?? false { throw .invalid("RackId can't be empty.") }
        if memberId.isEmpty, version >= Self.versionOfChosenIDs || !isJoining {
            throw .invalid("MemberId can't be empty.")
        }
        if memberEpoch < Epoch.leavingForAWhile { throw .invalid("MemberEpoch is invalid.") }
        if memberEpoch == Epoch.leavingForAWhile, instanceId == nil { throw .invalid("InstanceId can't be null.") }
        if isJoining { try checkJoining() }
        if let serverAssignor, !assignors.contains(where: { $0.rawValue == serverAssignor }) {
            throw ConsumerRefusal(
                error: .unsupportedAssignor,
                message: "ServerAssignor \(serverAssignor) is not supported. Supported assignors: "
                    + assignors.map(\.rawValue).joined(separator: ", ") + ".")
        }
        if let subscribedTopicRegex, !subscribedTopicRegex.isEmpty, TopicPattern(subscribedTopicRegex) == nil {
            throw ConsumerRefusal(
                error: .invalidRegularExpression,
                message: "SubscribedTopicRegex `\(subscribedTopicRegex)` is not a valid regular expression.")
        }
    }

    private func checkJoining() throws(ConsumerRefusal) {
        if rebalanceTimeoutMs == -1 { throw .invalid("RebalanceTimeoutMs must be provided in first request.") }
        guard topicPartitions?.isEmpty ?? false else {
            throw .invalid("TopicPartitions must be empty when (re-)joining.")
        }
        if subscribedTopicNames == nil, subscribedTopicRegex == nil {
            throw .invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
        }
    }
}
