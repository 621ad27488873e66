import KafkaProtocol

/// Why a member of the new protocol is not served.
struct ConsumerRefusal: Error {
    let error: ErrorCode
    let message: String

    static func invalid(_ message: String) -> ConsumerRefusal {
        ConsumerRefusal(error: .invalidRequest, message: message)
    }

    static func unknownMember(_ id: String) -> ConsumerRefusal {
        ConsumerRefusal(error: .unknownMemberId, message: "Member \(id) is not a member of the group.")
    }

    static func fencedEpoch(_ told: Int32, known: Int32) -> ConsumerRefusal {
        ConsumerRefusal(
            error: .fencedMemberEpoch,
            message: "The member has the epoch \(told) and the group coordinator knows \(known). The member must "
                + "abandon all its partitions and rejoin.")
    }
}
