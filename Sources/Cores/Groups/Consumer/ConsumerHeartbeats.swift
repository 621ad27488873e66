import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams

/// Heartbeats of the new protocol (KIP-848): by them members join, stay, are given partitions, and leave.
extension GroupRegistry {
    mutating func consumerHeartbeat(
        _ request: ConsumerGroupHeartbeatRequest, _ client: JoiningClient, hidden: Set<String>,
        _ step: inout GroupStep
    ) {
        var response = ConsumerGroupHeartbeatResponse()
        do throws(ConsumerRefusal) {
            guard settings.consumer.isEnabled else {
                throw ConsumerRefusal(error: .unsupportedVersion, message: "The consumer protocol is not enabled.")
            }
            try request.check(version: client.version, assignors: settings.consumer.assignors)
            if request.memberEpoch < 0 {
                response = try leave(request, &step)
            } else {
                response = try stay(request, client, hidden: hidden, &step)
            }
        } catch {
            response.errorCode = error.error.rawValue
            response.errorMessage = error.message
        }
        step.reply(client.ticket, .consumerHeartbeat(response))
    }

    /// Whether the answer to `request` rests on what topics there are, beyond those that it names: then it must come with
    /// those that its sender may not know of.
    package func looksForTopics(_ request: ConsumerGroupHeartbeatRequest) -> Bool {
        if request.subscribedTopicRegex?.isEmpty == false { return true }
        guard let group = consumerGroup(request.groupId), !group.patterns.isEmpty else { return false }
        return consumerSessions[request.groupId]?.topicsSeen != catalog.version
    }

    // MARK: - Joining and staying

    private mutating func stay(
        _ request: ConsumerGroupHeartbeatRequest, _ client: JoiningClient, hidden: Set<String>,
        _ step: inout GroupStep
    ) throws(ConsumerRefusal) -> ConsumerGroupHeartbeatResponse {
        var request = request
        // Members of version 0 are given their ids.
        if request.memberId.isEmpty { request.memberId = KafkaUUID.random(using: &step.generator).description }
        let memberID = request.memberId
        var change = try openConsumerGroup(request.groupId, isJoining: request.isJoining)
        try checkRoom(for: memberID, in: change.group)
        let before = try admit(request, &change)
        let isNew = change.group.members[memberID] == nil
        let told = change.group.members[memberID] ?? ConsumerMember()
        let member = told.updated(by: request, client)
        change.keep(member, memberID)
        bringUpToDate(&change, hasNewSubscription: member.reads(otherThan: told), hidden: hidden, at: step.now)
        if change.isBehind { change.assign(by: preferredAssignor(of: change.group)) }
        let standing = change.group.reconciled(memberID, owned: request.owned)
        change.keep(standing, of: memberID)
        if isNew { step.report(request.groupId, "member \(memberID) joined") }
        reportEpoch(of: change, &step)
        commit(change, &step)
        changeConsumerSessions(of: request.groupId) { [settings, version = catalog.version] sessions in
            sessions.topicsSeen = version
            sessions.heard(memberID, timeout: settings.consumer.sessionTimeout, at: step.now)
            if isNew || standing != before { sessions.follow(standing, of: memberID, member, at: step.now) }
        }
        var response = ConsumerGroupHeartbeatResponse()
        response.memberId = memberID
        response.memberEpoch = standing.epoch
        response.heartbeatIntervalMs = settings.consumer.heartbeatIntervalInMilliseconds
        if request.isFull || standing.assigned != before.assigned { response.assignment = .init(standing.assigned) }
        return response
    }

    /// The group of that name; a new one for who joins, if there is none or an empty classic one.
    private func openConsumerGroup(_ id: String, isJoining: Bool) throws(ConsumerRefusal) -> ConsumerGroupChange {
        if let group = consumerGroup(id) { return ConsumerGroupChange(id: id, group: group) }
        guard isJoining, liveGroup(id)?.state ?? .empty == .empty else {
            throw ConsumerRefusal(error: .groupIdNotFound, message: "Group \(id) is not a consumer group.")
        }
        return ConsumerGroupChange(id: id, replacing: hard.entries[id]?.group)
    }

    private func checkRoom(for memberID: String, in group: ConsumerGroup) throws(ConsumerRefusal) {
        let limit = settings.consumer.maximumSize
        guard group.members.count >= limit, group.members[memberID] == nil else { return }
        throw ConsumerRefusal(
            error: .groupMaxSizeReached,
            message: "The consumer group has reached its maximum capacity of \(limit) members.")
    }

    /// Lets a member speak that may, and a static member that comes back have its old place.
    ///
    /// - Returns: where the member stands.
    private func admit(
        _ request: ConsumerGroupHeartbeatRequest, _ change: inout ConsumerGroupChange
    ) throws(ConsumerRefusal) -> MemberStanding {
        let memberID = request.memberId
        if let instanceID = request.instanceId {
            let present = change.group.staticMembers[instanceID]
            if let present, present != memberID {
                guard request.isJoining else { throw .fencedInstance(instanceID, memberID) }
                guard change.group.standing(of: present).epoch == MemberStanding.epochOfAbsence else {
                    throw ConsumerRefusal(
                        error: .unreleasedInstanceId,
                        message: "Static member \(memberID) with instance id \(instanceID) cannot join the group "
                            + "because the instance id is owned by \(present) member.")
                }
                change.replace(present, by: memberID)
            } else if present == nil, !request.isJoining {
                throw ConsumerRefusal(error: .unknownMemberId, message: "Instance id \(instanceID) is unknown.")
            }
        }
        let standing = change.group.standing(of: memberID)
        if request.isJoining { return standing.epoch < 0 ? change.welcomeBack(memberID) : standing }
        guard change.group.members[memberID] != nil else { throw .unknownMember(memberID) }
        if request.memberEpoch == standing.epoch { return standing }
        // The answer that told the member of its epoch may have been lost.
        guard request.memberEpoch == standing.previousEpoch, request.memberEpoch < standing.epoch,
            request.owned?.isSubset(of: standing.assigned) ?? false
        else { throw .fencedEpoch(request.memberEpoch, known: standing.epoch) }
        return standing
    }

    /// Raises the epoch for a new subscription, or for topics that are not what they were when it was last raised.
    private func bringUpToDate(
        _ change: inout ConsumerGroupChange, hasNewSubscription: Bool, hidden: Set<String>, at now: Instant
    ) {
        let hasNewTopics = consumerSessions[change.id]?.topicsSeen != catalog.version
        var hasChanged = hasNewSubscription || change.group.epoch == nil
        guard hasChanged || hasNewTopics else { return }
        change.forgetUnusedPatterns()
        if change.resolvePatterns(catalog, hidden: hidden, again: hasNewTopics, at: now) { hasChanged = true }
        if change.followTopics(catalog) { hasChanged = true }
        if hasChanged { change.raiseEpoch() }
    }

    /// The assignor that most members ask for; of equals the first by name, and the first of the settings when nobody
    /// asks.
    func preferredAssignor(of group: ConsumerGroup) -> PartitionAssignor {
        var votes: [String: Int] = [:]
        for assignor in group.members.values.compactMap(\.assignor) { votes[assignor, default: 0] += 1 }
        let choice = votes.min { ($1.value, $0.key) < ($0.value, $1.key) }?.key
        return settings.consumer.assignors.first { $0.rawValue == choice } ?? settings.consumer.assignors[0]
    }

    private func reportEpoch(of change: ConsumerGroupChange, _ step: inout GroupStep) {
        guard let epoch = change.group.epoch, epoch != consumerGroup(change.id)?.epoch else { return }
        step.report(change.id, "is in epoch \(epoch) with \(change.group.members.count) members")
    }

    // MARK: - Leaving

    private mutating func leave(
        _ request: ConsumerGroupHeartbeatRequest, _ step: inout GroupStep
    ) throws(ConsumerRefusal) -> ConsumerGroupHeartbeatResponse {
        guard let group = consumerGroup(request.groupId) else {
            throw ConsumerRefusal(
                error: .groupIdNotFound, message: "Group \(request.groupId) is not a consumer group.")
        }
        if let instanceID = request.instanceId {
            guard let present = group.staticMembers[instanceID] else {
                throw ConsumerRefusal(error: .unknownMemberId, message: "Instance id \(instanceID) is unknown.")
            }
            if present != request.memberId { throw .fencedInstance(instanceID, request.memberId) }
        }
        guard group.members[request.memberId] != nil else { throw .unknownMember(request.memberId) }
        var change = ConsumerGroupChange(id: request.groupId, group: group)
        if request.memberEpoch == ConsumerGroupHeartbeatRequest.Epoch.leavingForAWhile {
            // Its place is kept until its session ends.
            change.leaveForAWhile(request.memberId)
            commit(change, &step)
            changeConsumerSessions(of: request.groupId) { $0.endRevocation(of: request.memberId) }
            step.report(request.groupId, "static member \(request.memberId) left for a while")
        } else {
            step.report(request.groupId, "member \(request.memberId) left")
            removeMembers([request.memberId], change, &step)
        }
        var response = ConsumerGroupHeartbeatResponse()
        response.memberId = request.memberId
        response.memberEpoch = request.memberEpoch
        return response
    }

    private mutating func removeMembers(
        _ memberIDs: [String], _ change: ConsumerGroupChange, _ step: inout GroupStep
    ) {
        var change = change
        change.remove(memberIDs, catalog)
        reportEpoch(of: change, &step)
        commit(change, &step)
        changeConsumerSessions(of: change.id) { sessions in for id in memberIDs { sessions.forget(id) } }
    }

    /// Removes the members whose time is up.
    mutating func expireConsumers(of id: String, _ step: inout GroupStep) {
        let expired = consumerSessions[id]?.expired(at: step.now) ?? []
        if let group = consumerGroup(id), !expired.isEmpty {
            for one in expired { step.report(id, "member \(one.memberID) \(one.fault)") }
            removeMembers(expired.map(\.memberID), ConsumerGroupChange(id: id, group: group), &step)
        }
        changeConsumerSessions(of: id) { $0.findNextDeadline() }
    }

    /// Appends what a change says. A classic group that was here is no more.
    private mutating func commit(_ change: ConsumerGroupChange, _ step: inout GroupStep) {
        change.append(to: &step)
        forgetLive(change.id)
    }
}

extension ConsumerRefusal {
    fileprivate static func fencedInstance(_ instanceID: String, _ memberID: String) -> ConsumerRefusal {
        ConsumerRefusal(
            error: .fencedInstanceId,
            message: "Static member \(memberID) with instance id \(instanceID) was fenced by a different member.")
    }
}

extension ConsumerGroupChange {
    /// A static member that is known by this very id is back before its session ended.
    fileprivate mutating func welcomeBack(_ memberID: String) -> MemberStanding {
        var standing = group.standing(of: memberID)
        standing.epoch = 0
        standing.previousEpoch = 0
        keep(standing, of: memberID)
        return standing
    }

    fileprivate mutating func leaveForAWhile(_ memberID: String) {
        var standing = group.standing(of: memberID)
        standing.epoch = MemberStanding.epochOfAbsence
        standing.revoking = PartitionSet()
        if standing.state == .unrevokedPartitions { standing.state = .stable }
        keep(standing, of: memberID)
    }
}

extension ConsumerMember {
    /// With what the member says now; what it does not say is as it was.
    fileprivate func updated(by request: ConsumerGroupHeartbeatRequest, _ client: JoiningClient) -> ConsumerMember {
        var member = self
        member.clientID = client.clientID
        member.clientHost = client.host
        if let instanceID = request.instanceId { member.instanceID = instanceID }
        if let rack = request.rackId { member.rack = rack }
        if let topics = request.subscribedTopicNames { member.topics = Set(topics).sorted() }
        if let pattern = request.subscribedTopicRegex { member.pattern = pattern.isEmpty ? nil : pattern }
        if let assignor = request.serverAssignor { member.assignor = assignor }
        if request.rebalanceTimeoutMs != -1 { member.rebalanceTimeoutInMilliseconds = request.rebalanceTimeoutMs }
        return member
    }

    fileprivate func reads(otherThan other: ConsumerMember) -> Bool {
        topics != other.topics || pattern != other.pattern
    }
}

extension ConsumerGroupHeartbeatResponse.Assignment {
    fileprivate init(_ partitions: PartitionSet) {
        self.init()
        topicPartitions = partitions.sorted.map { topic, partitions in
            var told = ConsumerGroupHeartbeatResponse.TopicPartitions()
            told.topicId = topic
            told.partitions = partitions
            return told
        }
    }
}
