import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Seams
import Testing

@testable import Groups

/// A small generator that gives the same numbers for the same seed in every process.
struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A registry whose log is an array, committed as soon as appended, and a clock that only tests move.
struct GroupBench {
    private(set) var registry: GroupRegistry
    private(set) var now = Instant(nanoseconds: 0, unixMilliseconds: 1_795_000_000_000)
    private(set) var log: [GroupRecord] = []
    private(set) var replies: [GroupTicket: GroupReply] = [:]
    private var lastTicket: UInt64 = 0

    init(_ change: (inout GroupSettings) -> Void = { _ in }, seed: UInt64 = 1) {
        var settings = GroupSettings()
        change(&settings)
        registry = GroupRegistry(settings: settings, generator: SeededGenerator(seed: seed))
        perform(.loaded)
    }

    mutating func perform(_ event: GroupEvent) {
        let decision = registry.decide(event, at: now)
        var effects: [GroupEffect] = []
        for record in decision.records {
            log.append(record)
            registry.apply(record, into: &effects)
        }
        for effect in decision.effects + effects {
            guard case .reply(let ticket, let reply) = effect else { continue }
            #expect(replies.updateValue(reply, forKey: ticket) == nil, "\(ticket) was answered twice")
        }
    }

    /// Lets time pass, with a tick at every deadline on the way.
    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while registry.nextDeadline <= end {
            now = max(now, registry.nextDeadline)
            perform(.tick)
            #expect(registry.nextDeadline > now, "a tick leaves its deadline behind")
            guard registry.nextDeadline > now else { break }
        }
        now = end
    }

    /// As after a crash: only the log is left.
    mutating func restart() {
        registry = GroupRegistry(settings: registry.settings, generator: SeededGenerator(seed: lastTicket))
        replay(log, into: &registry)
        perform(.loaded)
    }

    mutating func newTicket() -> GroupTicket {
        lastTicket += 1
        return GroupTicket(lastTicket)
    }

    /// Loads records that were not decided here.
    mutating func load(_ records: [GroupRecord]) {
        log = records
        restart()
    }
}

extension GroupBench: CustomTestStringConvertible {
    var testDescription: String { "a bench whose group is \(state)" }
}

func replay(_ records: [GroupRecord], into registry: inout GroupRegistry) {
    var effects: [GroupEffect] = []
    for record in records { registry.apply(record, into: &effects) }
}

// MARK: - Requests

/// How a member of the tests speaks of itself.
struct Joiner {
    var group = "flights"
    var memberID = ""
    var instanceID: String?
    var version: Int16 = 9
    var protocols = ["range": "orders"]
    var protocolType = "consumer"
    var sessionTimeoutMs: Int32 = 45_000
    var rebalanceTimeoutMs: Int32 = 60_000
    var reason: String?

    var request: JoinGroupRequest {
        var request = JoinGroupRequest()
        request.groupId = group
        request.memberId = memberID
        request.groupInstanceId = instanceID
        request.sessionTimeoutMs = sessionTimeoutMs
        request.rebalanceTimeoutMs = rebalanceTimeoutMs
        request.protocolType = protocolType
        request.reason = reason
        request.protocols = protocols.sorted { $0.key < $1.key }.map { name, topic in
            var supported = JoinGroupRequest.JoinGroupRequestProtocol()
            supported.name = name
            supported.metadata = subscription(to: topic)
            return supported
        }
        return request
    }
}

/// What a consumer tells about itself: version 1, one topic, no user data, no owned partitions.
func subscription(to topic: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeInteger(1 as Int16)
    buffer.writeInteger(1 as Int32)
    buffer.writeInteger(Int16(topic.utf8.count))
    buffer.writeString(topic)
    buffer.writeInteger(-1 as Int32)
    buffer.writeInteger(0 as Int32)
    return buffer
}

extension GroupBench {
    mutating func send(_ joiner: Joiner) -> GroupTicket {
        let ticket = newTicket()
        perform(
            .joinRequested(
                joiner.request,
                JoiningClient(ticket: ticket, version: joiner.version, clientID: "client", host: "/127.0.0.1")))
        return ticket
    }

    /// Joins with the handshake of version 4 and up; the reply to the second request may be due later.
    mutating func join(_ joiner: Joiner = Joiner()) throws -> (memberID: String, ticket: GroupTicket) {
        let ticket = send(joiner)
        guard let first = joinReply(ticket), first.errorCode == ErrorCode.memberIdRequired.rawValue else {
            return ("", ticket)
        }
        var known = joiner
        known.memberID = first.memberId
        return (first.memberId, send(known))
    }

    mutating func sync(
        _ memberID: String, generation: Int32, group: String = "flights", instanceID: String? = nil,
        assigning assignments: [String: String] = [:], protocolName: String? = nil
    ) -> GroupTicket {
        var request = SyncGroupRequest()
        request.groupId = group
        request.memberId = memberID
        request.groupInstanceId = instanceID
        request.generationId = generation
        request.protocolName = protocolName
        request.assignments = assignments.sorted { $0.key < $1.key }.map { memberID, text in
            var assigned = SyncGroupRequest.SyncGroupRequestAssignment()
            assigned.memberId = memberID
            assigned.assignment = ByteBuffer(string: text)
            return assigned
        }
        let ticket = newTicket()
        perform(.syncRequested(request, ticket))
        return ticket
    }

    mutating func heartbeat(
        _ memberID: String, generation: Int32, group: String = "flights", instanceID: String? = nil
    ) -> ErrorCode? {
        var request = HeartbeatRequest()
        request.groupId = group
        request.memberId = memberID
        request.groupInstanceId = instanceID
        request.generationId = generation
        let ticket = newTicket()
        perform(.heartbeatReceived(request, ticket))
        guard case .heartbeat(let reply) = replies[ticket] else { return nil }
        return ErrorCode(rawValue: reply.errorCode)
    }

    mutating func leave(_ memberID: String, group: String = "flights", instanceID: String? = nil) -> ErrorCode? {
        var request = LeaveGroupRequest()
        request.groupId = group
        var leaving = LeaveGroupRequest.MemberIdentity()
        leaving.memberId = memberID
        leaving.groupInstanceId = instanceID
        request.members = [leaving]
        let ticket = newTicket()
        perform(.leaveRequested(request, ticket))
        guard case .leaveGroup(let reply) = replies[ticket], let member = reply.members.first else { return nil }
        return ErrorCode(rawValue: member.errorCode)
    }

    /// Joins, and tells what was answered at once.
    mutating func answer(_ joiner: Joiner) throws -> JoinGroupResponse {
        let ticket = send(joiner)
        return try #require(joinReply(ticket))
    }

    mutating func answerError(_ joiner: Joiner) -> ErrorCode? {
        let ticket = send(joiner)
        return joinError(ticket)
    }

    mutating func syncAnswer(
        _ memberID: String, generation: Int32, group: String = "flights", instanceID: String? = nil
    ) -> String? {
        let ticket = sync(memberID, generation: generation, group: group, instanceID: instanceID)
        return assignment(ticket)
    }

    mutating func syncAnswerError(
        _ memberID: String, generation: Int32, group: String = "flights", protocolName: String? = nil
    ) -> ErrorCode? {
        let ticket = sync(memberID, generation: generation, group: group, protocolName: protocolName)
        return syncError(ticket)
    }

    func joinReply(_ ticket: GroupTicket) -> JoinGroupResponse? {
        guard case .joinGroup(let reply) = replies[ticket] else { return nil }
        return reply
    }

    func joinError(_ ticket: GroupTicket) -> ErrorCode? {
        joinReply(ticket).map { ErrorCode(rawValue: $0.errorCode) }
    }

    func assignment(_ ticket: GroupTicket) -> String? {
        guard case .syncGroup(let reply) = replies[ticket], reply.errorCode == 0 else { return nil }
        return String(buffer: reply.assignment)
    }

    func syncError(_ ticket: GroupTicket) -> ErrorCode? {
        guard case .syncGroup(let reply) = replies[ticket] else { return nil }
        return ErrorCode(rawValue: reply.errorCode)
    }

    var state: String { registry.description(of: "flights").groupState }
}

/// A group in generation 1 whose members have synced.
struct StableGroup {
    var bench: GroupBench
    var members: [String]
    var leader: String

    init(_ joiners: [Joiner], _ change: (inout GroupSettings) -> Void = { _ in }) throws {
        var bench = GroupBench(change)
        var tickets: [GroupTicket] = []
        for joiner in joiners { tickets.append(try bench.join(joiner).ticket) }
        bench.pass(.seconds(15))
        var replies: [JoinGroupResponse] = []
        for ticket in tickets { replies.append(try #require(bench.joinReply(ticket))) }
        let members = replies.map(\.memberId)
        let leader = try #require(replies.first?.leader)
        let assignments = Dictionary(uniqueKeysWithValues: members.map { ($0, "work of \($0)") })
        for member in members where member != leader { _ = bench.sync(member, generation: 1) }
        _ = bench.sync(leader, generation: 1, assigning: assignments)
        #expect(bench.state == "Stable")
        (self.bench, self.members, self.leader) = (bench, members, leader)
    }
}
