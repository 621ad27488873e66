import Groups
import KafkaProtocol
import KafkaProtocolGroups

extension GroupReply {
    /// What a client is told whose answer was not committed in time, as Apache Kafka's coordinators map
    /// REQUEST_TIMED_OUT.
    var errorWhenLate: ErrorCode {
        if case .syncGroup = self { .rebalanceInProgress } else { .coordinatorNotAvailable }
    }

    /// The answer to the same request when what it was about was lost or is not known.
    func refused(_ error: ErrorCode) -> GroupReply {
        switch self {
        case .joinGroup(let answer):
            var response = JoinGroupResponse()
            response.errorCode = error.rawValue
            response.memberId = answer.memberId
            return .joinGroup(response)
        case .syncGroup:
            var response = SyncGroupResponse()
            response.errorCode = error.rawValue
            return .syncGroup(response)
        case .heartbeat(var response):
            response.errorCode = error.rawValue
            return .heartbeat(response)
        case .leaveGroup:
            var response = LeaveGroupResponse()
            response.errorCode = error.rawValue
            return .leaveGroup(response)
        case .consumerHeartbeat:
            var response = ConsumerGroupHeartbeatResponse()
            response.errorCode = error.rawValue
            return .consumerHeartbeat(response)
        case .offsetCommit(var response):
            for topic in response.topics.indices {
                for partition in response.topics[topic].partitions.indices {
                    response.topics[topic].partitions[partition].errorCode = error.rawValue
                }
            }
            return .offsetCommit(response)
        case .offsetDelete:
            var response = OffsetDeleteResponse()
            response.errorCode = error.rawValue
            return .offsetDelete(response)
        case .deleteGroups(var response):
            for group in response.results.indices { response.results[group].errorCode = error.rawValue }
            return .deleteGroups(response)
        }
    }
}
