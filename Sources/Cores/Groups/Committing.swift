import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams

extension GroupRegistry {
    mutating func commit(
        _ request: OffsetCommitRequest, version: Int16, refused: [TopicPartition: ErrorCode], _ ticket: GroupTicket,
        _ step: inout GroupStep
    ) {
        let refusal = refusalToCommit(request, version, &step)
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
    private mutating func refusalToCommit(
        _ request: OffsetCommitRequest, _ version: Int16, _ step: inout GroupStep
    ) -> ErrorCode? {
        if let group = consumerGroup(request.groupId) { return group.refusalToCommit(request, version) }
        let speaksAsMember =
            request.generationIdOrMemberEpoch >= 0 || !request.memberId.isEmpty || request.groupInstanceId != nil
        guard isLive(request.groupId) else {
            guard speaksAsMember else { return nil }
            let isKnown = hard.entries[request.groupId] != nil
            guard request.generationIdOrMemberEpoch >= 0, !isKnown else { return .unknownMemberId }
            return version < ConsumerGroup.firstCommitVersion ? .illegalGeneration : .groupIdNotFound
        }
        var refusal: ErrorCode?
        change(request.groupId, &step) { group, step in
            refusal = group.refusalToCommit(request, speaksAsMember: speaksAsMember, at: step.now)
        }
        return refusal
    }
}

extension ConsumerGroup {
    /// From this version of OffsetCommit and OffsetFetch on members speak of their epochs.
    static let firstCommitVersion: Int16 = 9

    /// From outside only an empty group takes offsets; members have to know their epochs.
    fileprivate func refusalToCommit(_ request: OffsetCommitRequest, _ version: Int16) -> ErrorCode? {
        if request.generationIdOrMemberEpoch < 0, members.isEmpty { return nil }
        guard members[request.memberId] != nil else { return .unknownMemberId }
        guard version >= Self.firstCommitVersion else { return .unsupportedVersion }
        return refusal(of: request.generationIdOrMemberEpoch, of: request.memberId)
    }

    /// Why a member with that epoch is not told its group's offsets; nil when it is, as is anybody who is no member.
    func refusalToTell(_ memberID: String?, _ epoch: Int32) -> ErrorCode? {
        guard let memberID, !memberID.isEmpty || epoch >= 0 else { return nil }
        guard members[memberID] != nil else { return .unknownMemberId }
        return refusal(of: epoch, of: memberID)
    }

    private func refusal(of epoch: Int32, of memberID: String) -> ErrorCode? {
        standing(of: memberID).epoch == epoch ? nil : .staleMemberEpoch
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
