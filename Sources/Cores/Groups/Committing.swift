import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams

extension GroupRegistry {
    mutating func commit(
        _ request: OffsetCommitRequest, refused: [TopicPartition: ErrorCode], _ ticket: GroupTicket,
        _ step: inout GroupStep
    ) {
        let refusal = refusalToCommit(request, &step)
        var response = OffsetCommitResponse()
        response.topics.reserveCapacity(request.topics.count)
        for topic in request.topics {
            var answered = OffsetCommitResponse.OffsetCommitResponseTopic()
            answered.name = topic.name
            answered.partitions.reserveCapacity(topic.partitions.count)
            for told in topic.partitions {
                let partition = TopicPartition(topic: topic.name, partition: told.partitionIndex)
                let error: ErrorCode =
                    if !refused.isEmpty, let error = refused[partition] {
                        error
                    } else if let refusal {
                        refusal
                    } else if (told.committedMetadata ?? "").utf16.count > settings.maximumMetadataLength {
                        .offsetMetadataTooLarge
                    } else {
                        .none
                    }
                if error == .none {
                    let offset = CommittedOffset(told, retentionTimeMs: request.retentionTimeMs, at: step.now)
                    step.append(
                        .offsetCommitted(group: request.groupId, partition, offset, producer: nil))
                }
                var one = OffsetCommitResponse.OffsetCommitResponsePartition()
                one.partitionIndex = told.partitionIndex
                one.errorCode = error.rawValue
                answered.partitions.append(one)
            }
            response.topics.append(answered)
        }
        step.reply(ticket, .offsetCommit(response))
    }

    /// Why nothing of this commit can be taken; nil when it can.
    private mutating func refusalToCommit(_ request: OffsetCommitRequest, _ step: inout GroupStep) -> ErrorCode? {
        let speaksAsMember =
            request.generationIdOrMemberEpoch >= 0 || !request.memberId.isEmpty || request.groupInstanceId != nil
        guard isLive(request.groupId) else {
            guard speaksAsMember else { return nil }
            let isKnown = hard.entries[request.groupId] != nil
            return request.generationIdOrMemberEpoch >= 0 && !isKnown ? .illegalGeneration : .unknownMemberId
        }
        var refusal: ErrorCode?
        change(request.groupId, &step) { group, step in
            refusal = group.refusalToCommit(request, speaksAsMember: speaksAsMember, at: step.now)
        }
        return refusal
    }
}

extension LiveGroup {
    /// A commit while members join again is still of the generation that it names, and is taken.
    fileprivate mutating func refusalToCommit(
        _ request: OffsetCommitRequest, speaksAsMember: Bool, at now: Instant
    ) -> ErrorCode? {
        guard speaksAsMember else { return state == .empty ? nil : .unknownMemberId }
        if let refusal = refusal(of: request.memberId, instanceID: request.groupInstanceId) { return refusal }
        if request.generationIdOrMemberEpoch != generation { return .illegalGeneration }
        if state == .completingRebalance { return .rebalanceInProgress }
        heard(request.memberId, at: now)
        return nil
    }
}

extension CommittedOffset {
    fileprivate init(
        _ told: OffsetCommitRequest.OffsetCommitRequestPartition, retentionTimeMs: Int64, at now: Instant
    ) {
        self.init(
            offset: told.committedOffset, leaderEpoch: told.committedLeaderEpoch,
            metadata: told.committedMetadata ?? "",
            committedAt: told.commitTimestamp == -1 ? now.unixMilliseconds : told.commitTimestamp,
            expiresAt: retentionTimeMs == -1 ? nil : now.unixMilliseconds &+ retentionTimeMs)
    }
}
