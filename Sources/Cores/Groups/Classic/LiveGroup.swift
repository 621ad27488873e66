import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Seams

/// A group with its members, as the leader of its partition knows it. What of it outlives the leader is its
/// ``StoredGroup``.
///
/// Requests that wait are held in their members and are answered once: when the rebalance goes on, or when the member
/// goes.
struct LiveGroup {
    /// A rebalance that waits for members to join.
    struct Gathering {
        var deadline: Instant
        /// Of the first generation after emptiness, which waits for its deadline even when all have joined: by how
        /// much the deadline may still move. nil for other rebalances.
        var extensible: Duration?
    }

    let id: String
    private(set) var state = GroupState.empty
    /// Since when, in milliseconds since 1970; nil when the records were too old to say.
    private(set) var stateSince: Int64?
    private(set) var generation: Int32 = 0
    var protocolType: String?
    private(set) var protocolName: String?
    /// The id of the member that assigns.
    private(set) var leader: String?
    private(set) var members: [String: GroupMember] = [:]
    /// The member ids of static members by their instance ids.
    private(set) var staticMembers: [String: String] = [:]
    /// Ids given to members that have not joined with them yet (KIP-394), with the time until which they may.
    private(set) var promisedIDs: [String: Instant] = [:]
    /// How many members support each protocol.
    private var supporters: [String: Int] = [:]
    private(set) var joinsWaiting = 0
    private var lastNumber: UInt64 = 0
    /// Topics that any member of this generation reads; nil when that cannot be known.
    private(set) var subscribedTopics: Set<String>?

    /// Set exactly in ``GroupState/preparingRebalance``.
    var gathering: Gathering?
    /// Whether somebody joined while the first generation was gathering.
    var grewWhileGathering = false
    /// Members of this generation that have not synced yet, and until when they may.
    private(set) var unsynced: Set<String> = []
    private(set) var syncDeadline: Instant?
    /// No deadline of this group is before this moment.
    private(set) var nextDeadline = Instant.never

    init(id: String, at now: Instant) {
        self.id = id
        self.stateSince = now.unixMilliseconds
    }

    // MARK: - What it is

    /// Whether nothing would be lost by forgetting it.
    var isVacant: Bool { state == .empty && generation == 0 && promisedIDs.isEmpty }

    var hasAllJoined: Bool { members.count == joinsWaiting && promisedIDs.isEmpty }

    var membersInOrder: [GroupMember] { members.values.sorted { $0.number < $1.number } }

    /// The longest time a member needs to come back for a rebalance.
    var rebalanceTimeout: Duration {
        .milliseconds(Int64(max(0, members.values.lazy.map(\.rebalanceTimeoutInMilliseconds).max() ?? 0)))
    }

    /// Whether a member with these protocols could take part in a generation with those that are there.
    func isCompatible(protocolType: String, _ protocols: [GroupMember.SupportedProtocol]) -> Bool {
        if state == .empty { return !protocolType.isEmpty && !protocols.isEmpty }
        return self.protocolType == protocolType
            && protocols.contains { supporters[$0.name, default: 0] == members.count }
    }

    /// Why `memberID` may not speak here; nil when it may.
    func refusal(of memberID: String, instanceID: String?) -> ErrorCode? {
        if let instanceID {
            guard let current = staticMembers[instanceID] else { return .unknownMemberId }
            if current != memberID { return .fencedInstanceId }
        }
        return members[memberID] == nil ? .unknownMemberId : nil
    }

    /// The protocol that all members support and most prefer; of equals, the first by name.
    func electedProtocol() -> String? {
        var votes: [String: Int] = [:]
        for member in members.values {
            if let choice = member.protocols.first(where: { supporters[$0.name] == members.count }) {
                votes[choice.name, default: 0] += 1
            }
        }
        return votes.min { ($1.value, $0.key) < ($0.value, $1.key) }?.key
    }

    func stored() -> StoredGroup {
        StoredGroup(
            protocolType: protocolType ?? "", generation: generation, protocolName: protocolName,
            leader: members.isEmpty ? nil : leader, stateSince: stateSince ?? -1,
            members: membersInOrder.map { $0.stored(protocolName: protocolName) })
    }

    // MARK: - Deadlines

    mutating func note(_ deadline: Instant) { nextDeadline = min(nextDeadline, deadline) }

    /// To be called when ``nextDeadline`` has been dealt with.
    mutating func findNextDeadline() {
        nextDeadline = .never
        if let gathering { note(gathering.deadline) }
        if let syncDeadline { note(syncDeadline) }
        for deadline in promisedIDs.values { note(deadline) }
        for member in members.values where member.mayExpire { note(member.sessionDeadline) }
    }

    /// A member spoke: its session goes on.
    mutating func heard(_ memberID: String, at now: Instant) {
        members[memberID]?.heard(at: now)
        note(members[memberID]?.sessionDeadline ?? .never)
    }

    // MARK: - States

    mutating func enter(_ state: GroupState, at now: Instant) {
        self.state = state
        stateSince = now.unixMilliseconds
        if state != .preparingRebalance { gathering = nil }
    }

    /// Begins the next generation, with a protocol if it has members.
    mutating func beginGeneration(at now: Instant) {
        generation &+= 1
        protocolName = members.isEmpty ? nil : electedProtocol()
        findSubscribedTopics()
        enter(members.isEmpty ? .empty : .completingRebalance, at: now)
        endSyncing()
    }

    private mutating func findSubscribedTopics() {
        guard protocolType == ConsumerSubscription.protocolType else { return subscribedTopics = nil }
        subscribedTopics = ConsumerSubscription.topics(
            of: members.values.lazy.map { [protocolName] in $0.metadata(for: protocolName) })
    }

    mutating func expectSync(of memberID: String) { unsynced.insert(memberID) }

    mutating func limitSyncing(to deadline: Instant) {
        syncDeadline = deadline
        note(deadline)
    }

    mutating func hasSynced(_ memberID: String) {
        unsynced.remove(memberID)
        if unsynced.isEmpty { syncDeadline = nil }
    }

    mutating func endSyncing() {
        unsynced = []
        syncDeadline = nil
    }

    // MARK: - Members

    mutating func promise(_ memberID: String, until deadline: Instant) {
        promisedIDs[memberID] = deadline
        note(deadline)
    }

    mutating func withdrawPromise(_ memberID: String) { promisedIDs[memberID] = nil }

    /// Adds a member that waits for `join`, or whose session goes on after a restart.
    mutating func add(_ member: GroupMember, protocolType: String) {
        if members.isEmpty { self.protocolType = protocolType }
        if let instanceID = member.instanceID { staticMembers[instanceID] = member.id }
        leader = leader ?? member.id
        count(member.protocols, 1)
        if member.join != nil { joinsWaiting += 1 }
        promisedIDs[member.id] = nil
        members[member.id] = member
        note(member.sessionDeadline)
    }

    /// The place in the order of joining for the next member.
    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// Ends a membership; requests of it that wait are refused.
    mutating func remove(_ memberID: String, _ step: inout GroupStep) {
        refuseWaiting(memberID, .unknownMemberId, &step)
        promisedIDs[memberID] = nil
        hasSynced(memberID)
        guard let member = members.removeValue(forKey: memberID) else { return }
        count(member.protocols, -1)
        if let instanceID = member.instanceID { staticMembers[instanceID] = nil }
        if leader == memberID { leader = members.values.min { $0.number < $1.number }?.id }
    }

    /// Answers the requests of a member that wait with an error.
    mutating func refuseWaiting(_ memberID: String, _ error: ErrorCode, _ step: inout GroupStep) {
        if let ticket = takeJoin(of: memberID) { step.refuseJoin(ticket, memberID: memberID, error) }
        if let ticket = takeSync(of: memberID) { step.refuseSync(ticket, error) }
    }

    /// Gives a static member its new id; whoever speaks with the old one is fenced (KIP-345).
    mutating func replaceStaticMember(_ oldID: String, by newID: String, _ step: inout GroupStep) {
        refuseWaiting(oldID, .fencedInstanceId, &step)
        guard var member = members.removeValue(forKey: oldID), let instanceID = member.instanceID else { return }
        member.id = newID
        members[newID] = member
        staticMembers[instanceID] = newID
        if leader == oldID { leader = newID }
        if unsynced.remove(oldID) != nil { unsynced.insert(newID) }
    }

    /// Takes over what a member says when it joins again.
    mutating func update(
        _ memberID: String, protocols: [GroupMember.SupportedProtocol], rebalanceTimeoutInMilliseconds: Int32,
        sessionTimeoutInMilliseconds: Int32
    ) {
        guard let old = members[memberID]?.protocols else { return }
        count(old, -1)
        count(protocols, 1)
        members[memberID]?.protocols = protocols
        members[memberID]?.rebalanceTimeoutInMilliseconds = rebalanceTimeoutInMilliseconds
        members[memberID]?.sessionTimeoutInMilliseconds = sessionTimeoutInMilliseconds
    }

    /// Lets a JoinGroup request wait. One of the same member that waited before is superseded.
    mutating func holdJoin(of memberID: String, _ ticket: GroupTicket, _ step: inout GroupStep) {
        if let superseded = takeJoin(of: memberID) {
            step.refuseJoin(superseded, memberID: memberID, .rebalanceInProgress)
        }
        members[memberID]?.join = ticket
        joinsWaiting += 1
    }

    mutating func takeJoin(of memberID: String) -> GroupTicket? {
        guard let ticket = members[memberID]?.join else { return nil }
        members[memberID]?.join = nil
        joinsWaiting -= 1
        return ticket
    }

    /// Lets a SyncGroup request wait. One of the same member that waited before is superseded.
    mutating func holdSync(of memberID: String, _ ticket: GroupTicket, _ step: inout GroupStep) {
        if let superseded = takeSync(of: memberID) { step.refuseSync(superseded, .rebalanceInProgress) }
        members[memberID]?.sync = ticket
    }

    mutating func takeSync(of memberID: String) -> GroupTicket? {
        guard let ticket = members[memberID]?.sync else { return nil }
        members[memberID]?.sync = nil
        return ticket
    }

    mutating func assign(_ assignment: ByteBuffer, to memberID: String) {
        members[memberID]?.assignment = assignment
    }

    /// A member has been through a rebalance, and so knows its id.
    mutating func settle(_ memberID: String) { members[memberID]?.isNew = false }

    /// Makes a member that waits for its JoinGroup reply the leader, if the present one does not wait.
    ///
    /// - Returns: whether the leader, if there is one, waits.
    mutating func electWaitingLeader() -> Bool {
        guard let leader else { return true }
        if members[leader]?.join != nil { return true }
        guard let next = members.values.filter({ $0.join != nil }).min(by: { $0.number < $1.number }) else {
            return false
        }
        self.leader = next.id
        return true
    }

    private mutating func count(_ protocols: [GroupMember.SupportedProtocol], _ change: Int) {
        for name in Set(protocols.map(\.name)) {
            let sum = supporters[name, default: 0] + change
            supporters[name] = sum == 0 ? nil : sum
        }
    }
}

extension LiveGroup {
    /// A group as its record tells it, with its members' sessions starting anew.
    init(id: String, stored: StoredGroup, at now: Instant) {
        self.init(id: id, at: now)
        state = stored.members.isEmpty ? .empty : .stable
        stateSince = stored.stateSince < 0 ? nil : stored.stateSince
        generation = stored.generation
        for told in stored.members {
            var supported = GroupMember.SupportedProtocol()
            supported.name = stored.protocolName ?? ""
            supported.metadata = told.subscription
            var member = GroupMember(
                id: told.id, instanceID: told.instanceID, clientID: told.clientID, clientHost: told.clientHost,
                rebalanceTimeoutInMilliseconds: told.rebalanceTimeoutInMilliseconds,
                sessionTimeoutInMilliseconds: told.sessionTimeoutInMilliseconds, protocols: [supported],
                assignment: told.assignment, number: nextNumber(), isNew: false, sessionDeadline: now)
            member.heard(at: now)
            add(member, protocolType: stored.protocolType)
        }
        protocolType = stored.protocolType.isEmpty ? nil : stored.protocolType
        protocolName = stored.protocolName
        leader = stored.leader.flatMap { members[$0]?.id } ?? leader
        findSubscribedTopics()
    }
}
