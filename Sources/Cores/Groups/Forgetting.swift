import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams

/// Offsets and groups that go: deleted by somebody, or because nobody came for too long.
extension GroupRegistry {
    mutating func deleteOffsets(
        _ request: OffsetDeleteRequest, refused: [TopicPartition: ErrorCode], _ ticket: GroupTicket,
        _ step: inout GroupStep
    ) {
        var response = OffsetDeleteResponse()
        defer { step.reply(ticket, .offsetDelete(response)) }
        guard !request.groupId.isEmpty else { return response.errorCode = ErrorCode.invalidGroupId.rawValue }
        guard exists(request.groupId) else { return response.errorCode = ErrorCode.groupIdNotFound.rawValue }
        let group = liveGroup(request.groupId)
        if let group, group.state != .empty, group.protocolType != ConsumerSubscription.protocolType {
            return response.errorCode = ErrorCode.nonEmptyGroup.rawValue
        }
        let consumers = consumerGroup(request.groupId)
        let offsets = hard.entries[request.groupId]?.offsets ?? [:]
        response.topics = request.topics.map { topic in
            var answered = OffsetDeleteResponse.OffsetDeleteResponseTopic()
            answered.name = topic.name
            answered.partitions = topic.partitions.map { told in
                let partition = TopicPartition(topic: topic.name, partition: told.partitionIndex)
                var one = OffsetDeleteResponse.OffsetDeleteResponsePartition()
                one.partitionIndex = told.partitionIndex
                if let error = refused[partition] {
                    one.errorCode = error.rawValue
                } else if group?.mayRead(topic.name) ?? false || consumers?.isSubscribed(to: topic.name) ?? false {
                    one.errorCode = ErrorCode.groupSubscribedToTopic.rawValue
                } else if offsets[partition] != nil {
                    step.append(.offsetForgotten(group: request.groupId, partition))
                }
                return one
            }
            return answered
        }
    }

    mutating func deleteGroups(_ groups: [String], _ ticket: GroupTicket, _ step: inout GroupStep) {
        var response = DeleteGroupsResponse()
        response.results = groups.map { group in
            var result = DeleteGroupsResponse.DeletableGroupResult()
            result.groupId = group
            result.errorCode = deleteGroup(group, &step).rawValue
            return result
        }
        step.reply(ticket, .deleteGroups(response))
    }

    private mutating func deleteGroup(_ group: String, _ step: inout GroupStep) -> ErrorCode {
        guard exists(group) else { return .groupIdNotFound }
        guard liveGroup(group)?.state ?? .empty == .empty, consumerGroup(group)?.members.isEmpty ?? true else {
            return .nonEmptyGroup
        }
        for partition in (hard.entries[group]?.offsets ?? [:]).keys.sorted() {
            step.append(.offsetForgotten(group: group, partition))
        }
        bury(group, &step)
        step.report(group, "was deleted")
        return .none
    }

    /// Forgets the group itself; its offsets are already going.
    private mutating func bury(_ group: String, _ step: inout GroupStep) {
        if hard.entries[group]?.group != nil { step.append(.groupForgotten(group)) }
        forgetLive(group)
        forgetConsumers(of: group, &step)
    }

    mutating func forget(_ topics: Set<String>, _ step: inout GroupStep) {
        for (group, entry) in hard.entries.sorted(by: { $0.key < $1.key }) {
            let forgotten = entry.offsets.keys.filter { topics.contains($0.topic) }.sorted()
            for partition in forgotten { step.append(.offsetForgotten(group: group, partition)) }
        }
    }

    /// Forgets offsets whose time is up (KIP-211), and groups that are empty and have none.
    mutating func forgetExpired(_ step: inout GroupStep) {
        let known = Set(hard.entries.keys).union(liveGroupIDs).sorted()
        for group in known {
            let entry = hard.entries[group]
            let expired = (entry?.offsets ?? [:]).filter { partition, offset in
                !(entry?.isUndecided(partition) ?? false) && isExpired(offset, of: partition, in: group, at: step.now)
            }
            for partition in expired.keys.sorted() { step.append(.offsetForgotten(group: group, partition)) }
            let keepsNothing = (entry?.offsets.count ?? 0) == expired.count && (entry?.undecided.isEmpty ?? true)
            let isIdle = liveGroup(group).map { $0.state == .empty && $0.promisedIDs.isEmpty } ?? true
            let isDeserted = entry?.consumers?.members.isEmpty ?? true
            if keepsNothing && isIdle && isDeserted { bury(group, &step) }
        }
    }

    private func isExpired(
        _ offset: CommittedOffset, of partition: TopicPartition, in group: String, at now: Instant
    ) -> Bool {
        let since: Int64
        if let consumers = consumerGroup(group) {
            if consumers.isSubscribed(to: partition.topic) { return false }
            since = offset.committedAt
        } else if let live = liveGroup(group), let protocolType = live.protocolType {
            if live.state == .empty {
                since = live.stateSince ?? offset.committedAt
            } else if protocolType == ConsumerSubscription.protocolType, live.state == .stable,
                live.subscribedTopics != nil, !live.mayRead(partition.topic)
            {
                since = offset.committedAt
            } else {
                return false
            }
        } else {
            since = offset.committedAt
        }
        if let expiresAt = offset.expiresAt { return now.unixMilliseconds >= expiresAt }
        return now.unixMilliseconds - since >= settings.offsetRetention.nanoseconds / 1_000_000
    }
}

extension LiveGroup {
    /// Whether a member may be reading `topic`.
    fileprivate func mayRead(_ topic: String) -> Bool {
        guard state != .empty else { return false }
        return subscribedTopics?.contains(topic) ?? true
    }
}
