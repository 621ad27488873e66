/// Why a ``TreeChange`` cannot be made on what the image shows.
package struct ChangeRefusal: Error, Sendable, Equatable {
    /// By Apache Kafka's error codes.
    package enum Reason: Int16, Sendable {
        case unknownTopicOrPartition = 3
        case topicAlreadyExists = 36
        case invalidPartitions = 37
        case invalidReplicaAssignment = 39
        case invalidRequest = 42
        case fencedLeaderEpoch = 74
        case preferredLeaderNotAvailable = 80
        case eligibleLeadersNotAvailable = 83
        case electionNotNeeded = 84
        case noReassignmentInProgress = 85
        case invalidUpdateVersion = 95
        case inconsistentTopicID = 103
    }

    package var reason: Reason
    package var message: String

    package init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    /// In Apache's words for the reason.
    package init(_ reason: Reason) {
        let message =
            switch reason {
            case .unknownTopicOrPartition: "This server does not host this topic-partition."
            case .topicAlreadyExists: "Topic with this name already exists."
            case .invalidRequest: "This most likely occurs because of a request being malformed."
            case .inconsistentTopicID: "The log's topic ID did not match the topic ID in the request."
            case .invalidPartitions: "Number of partitions is below 1."
            case .invalidReplicaAssignment: "Replica assignment is invalid."
            case .fencedLeaderEpoch: "The leader epoch in the request is older than the epoch on the broker."
            case .preferredLeaderNotAvailable: "The preferred leader was not available."
            case .eligibleLeadersNotAvailable: "Eligible topic partition leaders are not available."
            case .electionNotNeeded: "Leader election not needed for topic partition."
            case .noReassignmentInProgress: "No partition reassignment is in progress."
            case .invalidUpdateVersion: "The given update version was invalid."
            }
        self.init(reason, message)
    }
}

extension TreeOutcome {
    package static func refused(_ refusal: ChangeRefusal) -> TreeOutcome {
        .refused(errorCode: refusal.reason.rawValue, message: refusal.message)
    }
}
