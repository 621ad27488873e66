import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Seams

/// From one generation to the next.
extension LiveGroup {
    /// Asks all members to join again. Does nothing while they are already asked.
    mutating func rebalance(_ reason: String, _ step: inout GroupStep) {
        guard state != .preparingRebalance else { return }
        if state == .completingRebalance { spreadSyncError(.rebalanceInProgress, &step) }
        endSyncing()
        step.report(
            id, "preparing to rebalance in state \(state.rawValue), generation \(generation), because \(reason)")
        if state == .empty {
            let delay = MirrorMembers.initialDelay(protocolType: protocolType, step.settings)
            gathering = Gathering(
                deadline: step.now + delay, extensible: max(.zero, rebalanceTimeout - delay))
        } else {
            gathering = Gathering(deadline: step.now + rebalanceTimeout, extensible: nil)
        }
        grewWhileGathering = false
        enter(.preparingRebalance, at: step.now)
        if let gathering { note(gathering.deadline) }
        endGatheringIfComplete(&step)
    }

    /// Ends the gathering when nobody is waited for any more.
    mutating func endGatheringIfComplete(_ step: inout GroupStep) {
        guard let gathering else { return }
        if gathering.extensible == nil ? hasAllJoined : gathering.deadline <= step.now { endGathering(&step) }
    }

    /// The time to join is up.
    private mutating func gatheringExpired(_ step: inout GroupStep) {
        if let extensible = gathering?.extensible, extensible > .zero, grewWhileGathering {
            let extra = min(step.settings.initialRebalanceDelay, extensible)
            gathering = Gathering(deadline: step.now + extra, extensible: extensible - extra)
            grewWhileGathering = false
            return
        }
        endGathering(&step)
    }

    /// Begins the next generation with those who have joined. Static members that have not stay until their sessions
    /// end.
    private mutating func endGathering(_ step: inout GroupStep) {
        let missing = membersInOrder.filter { $0.join == nil && !$0.isStatic }.map(\.id)
        if !missing.isEmpty {
            step.report(id, "removed members that did not rejoin: \(missing.joined(separator: ", "))")
            for memberID in missing { remove(memberID, &step) }
        }
        guard electWaitingLeader() || members.isEmpty else {
            // Only static members are left and none is back: wait until one comes or their sessions end.
            gathering = Gathering(deadline: step.now + rebalanceTimeout, extensible: nil)
            return note(step.now + rebalanceTimeout)
        }
        beginGeneration(at: step.now)
        if members.isEmpty {
            step.report(id, "is empty in generation \(generation)")
            return step.append(.groupStored(id, stored()))
        }
        step.report(id, "begins generation \(generation) with \(members.count) members")
        for member in membersInOrder {
            if let ticket = takeJoin(of: member.id) {
                let isLeader = member.id == leader
                tellGeneration(to: member.id, ticket, leader: leader, withMembers: isLeader, &step)
            }
            settle(member.id)
            heard(member.id, at: step.now)
            expectSync(of: member.id)
        }
        limitSyncing(to: step.now + rebalanceTimeout)
    }

    /// Answers a JoinGroup request with the present generation.
    mutating func tellGeneration(
        to memberID: String, _ ticket: GroupTicket, leader: String?, withMembers: Bool, skipAssignment: Bool = false,
        _ step: inout GroupStep
    ) {
        var response = JoinGroupResponse()
        response.generationId = generation
        response.protocolType = protocolType
        response.protocolName = protocolName
        response.leader = leader ?? ""
        response.skipAssignment = skipAssignment
        response.memberId = memberID
        if withMembers {
            response.members = membersInOrder.map { member in
                var told = JoinGroupResponse.JoinGroupResponseMember()
                told.memberId = member.id
                told.groupInstanceId = member.instanceID
                told.metadata = member.metadata(for: protocolName)
                return told
            }
        }
        step.reply(ticket, .joinGroup(response))
    }

    /// Takes all assignments back and refuses the SyncGroup requests that wait.
    private mutating func spreadSyncError(_ error: ErrorCode, _ step: inout GroupStep) {
        for member in membersInOrder {
            assign(ByteBuffer(), to: member.id)
            guard let ticket = takeSync(of: member.id) else { continue }
            step.refuseSync(ticket, error)
            heard(member.id, at: step.now)
        }
    }

    /// Ends a membership and lets the others rebalance.
    mutating func removeAndRebalance(_ memberID: String, _ reason: String, _ step: inout GroupStep) {
        remove(memberID, &step)
        switch state {
        case .empty: break
        case .preparingRebalance: endGatheringIfComplete(&step)
        case .completingRebalance, .stable: rebalance(reason, &step)
        }
    }

    /// Deals with every deadline that has passed.
    mutating func expire(_ step: inout GroupStep) {
        for (memberID, deadline) in promisedIDs.sorted(by: { $0.key < $1.key }) where deadline <= step.now {
            withdrawPromise(memberID)
            endGatheringIfComplete(&step)
        }
        for member in membersInOrder {
            // What a member waits for may change with those expired before it.
            guard let present = members[member.id], present.mayExpire, present.sessionDeadline <= step.now else {
                continue
            }
            step.report(id, "member \(member.id) was not heard of within its session timeout")
            removeAndRebalance(member.id, "member \(member.id) expired", &step)
        }
        if let gathering, gathering.deadline <= step.now { gatheringExpired(&step) }
        if let syncDeadline, syncDeadline <= step.now { syncingExpired(&step) }
        findNextDeadline()
    }

    /// Removes the members that did not ask for their assignments in time.
    private mutating func syncingExpired(_ step: inout GroupStep) {
        let late = unsynced.sorted()
        endSyncing()
        guard !late.isEmpty else { return }
        for memberID in late { remove(memberID, &step) }
        rebalance("members did not sync in time: \(late.joined(separator: ", "))", &step)
    }

    /// Refuses all requests that wait, for the broker has lost the partition.
    mutating func refuseAllWaiting(_ error: ErrorCode, _ step: inout GroupStep) {
        for member in membersInOrder { refuseWaiting(member.id, error, &step) }
    }
}
