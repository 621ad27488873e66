import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Seams

/// What members say between joining and leaving.
extension GroupRegistry {
    mutating func sync(_ request: SyncGroupRequest, _ ticket: GroupTicket, _ step: inout GroupStep) {
        guard !request.groupId.isEmpty else { return step.refuseSync(ticket, .invalidGroupId) }
        guard isLive(request.groupId) else { return step.refuseSync(ticket, .unknownMemberId) }
        change(request.groupId, &step) { group, step in group.sync(request, ticket, &step) }
    }

    mutating func heartbeat(_ request: HeartbeatRequest, _ ticket: GroupTicket, _ step: inout GroupStep) {
        guard !request.groupId.isEmpty else { return step.answerHeartbeat(ticket, .invalidGroupId) }
        guard isLive(request.groupId) else { return step.answerHeartbeat(ticket, .unknownMemberId) }
        change(request.groupId, &step) { group, step in
            step.answerHeartbeat(ticket, group.heartbeat(request, at: step.now))
        }
    }

    mutating func leave(_ request: LeaveGroupRequest, _ ticket: GroupTicket, _ step: inout GroupStep) {
        var response = LeaveGroupResponse()
        if request.groupId.isEmpty {
            response.errorCode = ErrorCode.invalidGroupId.rawValue
        } else if isLive(request.groupId) {
            change(request.groupId, &step) { group, step in
                response.members = request.members.map { leaving in
                    leaving.answered(with: group.leave(leaving, &step))
                }
            }
        } else {
            response.members = request.members.map { $0.answered(with: .unknownMemberId) }
        }
        step.reply(ticket, .leaveGroup(response))
    }
}

extension LiveGroup {
    fileprivate mutating func sync(_ request: SyncGroupRequest, _ ticket: GroupTicket, _ step: inout GroupStep) {
        let memberID = request.memberId
        if let refusal = refusalToSync(request) { return step.refuseSync(ticket, refusal) }
        switch state {
        case .empty: step.refuseSync(ticket, .unknownMemberId)
        case .preparingRebalance: step.refuseSync(ticket, .rebalanceInProgress)
        case .completingRebalance:
            holdSync(of: memberID, ticket, &step)
            hasSynced(memberID)
            if memberID == leader { spread(request.assignments, &step) }
        case .stable:
            hasSynced(memberID)
            tellAssignment(to: memberID, ticket, &step)
        }
    }

    private func refusalToSync(_ request: SyncGroupRequest) -> ErrorCode? {
        if let refusal = refusal(of: request.memberId, instanceID: request.groupInstanceId) { return refusal }
        if request.generationId != generation { return .illegalGeneration }
        if let told = request.protocolType, told != protocolType { return .inconsistentGroupProtocol }
        if let told = request.protocolName, told != protocolName { return .inconsistentGroupProtocol }
        return nil
    }

    /// The leader has assigned: the generation is complete, and all who wait are told. Members it forgot have nothing
    /// to do.
    private mutating func spread(
        _ assignments: [SyncGroupRequest.SyncGroupRequestAssignment], _ step: inout GroupStep
    ) {
        for memberID in members.keys { assign(ByteBuffer(), to: memberID) }
        for assigned in assignments { assign(assigned.assignment, to: assigned.memberId) }
        enter(.stable, at: step.now)
        step.append(.groupStored(id, stored()))
        step.report(id, "is stable in generation \(generation)")
        for member in membersInOrder {
            guard let waiting = takeSync(of: member.id) else { continue }
            tellAssignment(to: member.id, waiting, &step)
        }
    }

    private mutating func tellAssignment(to memberID: String, _ ticket: GroupTicket, _ step: inout GroupStep) {
        var response = SyncGroupResponse()
        response.protocolType = protocolType
        response.protocolName = protocolName
        response.assignment = members[memberID]?.assignment ?? ByteBuffer()
        step.reply(ticket, .syncGroup(response))
        heard(memberID, at: step.now)
    }

    fileprivate mutating func heartbeat(_ request: HeartbeatRequest, at now: Instant) -> ErrorCode {
        if let refusal = refusal(of: request.memberId, instanceID: request.groupInstanceId) { return refusal }
        if request.generationId != generation { return .illegalGeneration }
        guard state != .empty else { return .unknownMemberId }
        heard(request.memberId, at: now)
        return state == .preparingRebalance ? .rebalanceInProgress : .none
    }

    /// An operator removes static members by their instance ids alone (KIP-345).
    fileprivate mutating func leave(
        _ leaving: LeaveGroupRequest.MemberIdentity, _ step: inout GroupStep
    ) -> ErrorCode {
        var memberID = leaving.memberId
        if memberID.isEmpty {
            guard let current = leaving.groupInstanceId.flatMap({ staticMembers[$0] }) else { return .unknownMemberId }
            memberID = current
        } else if promisedIDs[memberID] != nil {
            withdrawPromise(memberID)
            endGatheringIfComplete(&step)
            return .none
        } else if let refusal = refusal(of: memberID, instanceID: leaving.groupInstanceId) {
            return refusal
        }
        let reason = leaving.reason.map { ": \($0)" } ?? ""
        removeAndRebalance(memberID, "member \(memberID) left\(reason)", &step)
        return .none
    }
}

extension LeaveGroupRequest.MemberIdentity {
    fileprivate func answered(with error: ErrorCode) -> LeaveGroupResponse.MemberResponse {
        var response = LeaveGroupResponse.MemberResponse()
        response.memberId = memberId
        response.groupInstanceId = groupInstanceId
        response.errorCode = error.rawValue
        return response
    }
}
