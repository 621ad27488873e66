import KafkaProtocol
import KafkaProtocolGroups
import Seams

extension GroupRegistry {
    mutating func join(_ request: JoinGroupRequest, _ client: JoiningClient, _ step: inout GroupStep) {
        guard !request.groupId.isEmpty else {
            return step.refuseJoin(client.ticket, memberID: request.memberId, .invalidGroupId)
        }
        guard
            MirrorMembers.allowsSession(
                request.sessionTimeoutMs, protocolType: request.protocolType, settings)
        else {
            return step.refuseJoin(client.ticket, memberID: request.memberId, .invalidSessionTimeout)
        }
        // Members of both protocols in one group are not served.
        if let group = consumerGroup(request.groupId), !group.members.isEmpty {
            return step.refuseJoin(client.ticket, memberID: request.memberId, .inconsistentGroupProtocol)
        }
        if !isLive(request.groupId) {
            guard request.memberId.isEmpty else {
                return step.refuseJoin(client.ticket, memberID: request.memberId, .unknownMemberId)
            }
            forgetConsumers(of: request.groupId, &step)
            revive(request.groupId, at: step.now)
        }
        change(request.groupId, &step) { group, step in group.join(request, client, &step) }
    }
}

extension LiveGroup {
    /// How long a new member is kept that waits for a rebalance to end and may have gone without a word.
    private static let newMemberPatience = Duration.seconds(300)

    fileprivate mutating func join(_ request: JoinGroupRequest, _ client: JoiningClient, _ step: inout GroupStep) {
        if !hasRoom(for: request.memberId, &step) {
            remove(request.memberId, &step)
            step.refuseJoin(client.ticket, memberID: "", .groupMaxSizeReached)
        } else if !isCompatible(protocolType: request.protocolType, request.protocols) {
            step.refuseJoin(client.ticket, memberID: request.memberId, .inconsistentGroupProtocol)
        } else if request.memberId.isEmpty {
            joinAnew(request, client, &step)
        } else if promisedIDs[request.memberId] != nil {
            addMember(request.memberId, request, client, &step)
        } else if let refusal = refusal(of: request.memberId, instanceID: request.groupInstanceId) {
            step.refuseJoin(client.ticket, memberID: request.memberId, refusal)
        } else {
            joinAgain(request, client, &step)
        }
        endGatheringIfComplete(&step)
    }

    /// While members gather, those already there count, so that a group whose limit was lowered shrinks to it.
    private func hasRoom(for memberID: String, _ step: inout GroupStep) -> Bool {
        let limit = step.settings.maximumSize
        return switch state {
        case .empty: true
        case .preparingRebalance: members[memberID]?.join != nil || joinsWaiting < limit
        case .completingRebalance, .stable: members[memberID] != nil || members.count < limit
        }
    }

    private mutating func joinAnew(_ request: JoinGroupRequest, _ client: JoiningClient, _ step: inout GroupStep) {
        let memberID = step.newMemberID(prefix: request.groupInstanceId ?? client.clientID)
        if let instanceID = request.groupInstanceId {
            if let oldID = staticMembers[instanceID] {
                replace(oldID, by: memberID, request, client, &step)
            } else {
                addMember(memberID, request, client, &step)
            }
        } else if client.version >= 4 {
            promise(memberID, until: step.now + .milliseconds(Int64(request.sessionTimeoutMs)))
            step.refuseJoin(client.ticket, memberID: memberID, .memberIdRequired)
        } else {
            addMember(memberID, request, client, &step)
        }
    }

    private mutating func addMember(
        _ memberID: String, _ request: JoinGroupRequest, _ client: JoiningClient, _ step: inout GroupStep
    ) {
        if gathering?.extensible != nil { grewWhileGathering = true }
        let member = GroupMember(
            id: memberID, instanceID: request.groupInstanceId, clientID: client.clientID, clientHost: client.host,
            rebalanceTimeoutInMilliseconds: request.rebalanceTimeout(version: client.version),
            sessionTimeoutInMilliseconds: request.sessionTimeoutMs, protocols: request.protocols,
            number: nextNumber(), join: client.ticket, sessionDeadline: step.now + Self.newMemberPatience)
        add(member, protocolType: request.protocolType)
        rebalance("member \(memberID) joined\(request.spokenReason)", &step)
    }

    /// A member that is known joins: perhaps because it lost our reply, perhaps to change something.
    private mutating func joinAgain(_ request: JoinGroupRequest, _ client: JoiningClient, _ step: inout GroupStep) {
        let memberID = request.memberId
        let saysTheSame = members[memberID]?.supportsExactly(request.protocols) ?? false
        switch state {
        case .empty:
            step.refuseJoin(client.ticket, memberID: memberID, .unknownMemberId)
        case .completingRebalance where saysTheSame:
            tellGeneration(to: memberID, client.ticket, leader: leader, withMembers: memberID == leader, &step)
        case .stable where saysTheSame && memberID != leader:
            tellGeneration(to: memberID, client.ticket, leader: leader, withMembers: false, &step)
        case .preparingRebalance, .completingRebalance, .stable:
            update(memberID, request, client)
            holdJoin(of: memberID, client.ticket, &step)
            rebalance("member \(memberID) joined again\(request.spokenReason)", &step)
        }
    }

    private mutating func update(_ memberID: String, _ request: JoinGroupRequest, _ client: JoiningClient) {
        update(
            memberID, protocols: request.protocols,
            rebalanceTimeoutInMilliseconds: request.rebalanceTimeout(version: client.version),
            sessionTimeoutInMilliseconds: request.sessionTimeoutMs)
    }

    /// A static member comes back without its member id: it restarted (KIP-345).
    private mutating func replace(
        _ oldID: String, by newID: String, _ request: JoinGroupRequest, _ client: JoiningClient,
        _ step: inout GroupStep
    ) {
        let leaderBefore = leader
        replaceStaticMember(oldID, by: newID, &step)
        update(newID, request, client)
        heard(newID, at: step.now)
        switch state {
        case .empty:
            preconditionFailure("group \(id) is empty and has the static member \(oldID)")
        case .preparingRebalance:
            holdJoin(of: newID, client.ticket, &step)
        case .completingRebalance:
            // The leader may be assigning to the old id, and the new one would get nothing.
            holdJoin(of: newID, client.ticket, &step)
            rebalance("static member \(newID) replaced \(oldID)\(request.spokenReason)", &step)
        case .stable where electedProtocol() == protocolName:
            step.append(.groupStored(id, stored()))
            // A leader that restarted keeps its place but must not assign, for a stable group spreads no assignment.
            // Before version 9 it cannot be told so, and is told the old leader's id instead (KIP-814).
            let knowsToSkip = client.version >= 9
            let skips = knowsToSkip && leader == newID
            tellGeneration(
                to: newID, client.ticket, leader: knowsToSkip ? leader : leaderBefore, withMembers: skips,
                skipAssignment: skips, &step)
        case .stable:
            holdJoin(of: newID, client.ticket, &step)
            rebalance("static member \(newID) replaced \(oldID) and changed the choice of protocol", &step)
        }
    }
}

extension JoinGroupRequest {
    /// Version 0 has one timeout for both.
    fileprivate func rebalanceTimeout(version: Int16) -> Int32 { version == 0 ? sessionTimeoutMs : rebalanceTimeoutMs }

    /// The client's reason (KIP-800) as it follows a sentence.
    fileprivate var spokenReason: String {
        guard let reason, !reason.isEmpty else { return "" }
        return ": \(reason)"
    }
}
