import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

/// A client as the protocol wants it, apart from the mishaps that a test makes happen to it.
struct VirtualMember {
    enum Phase: Equatable {
        case out
        case joining(GroupTicket)
        /// Told its generation; what it is to assign when it leads.
        case joined(Int32, assigning: [String: String])
        case syncing(GroupTicket, Int32)
        case working(Int32)
    }

    var joiner: Joiner
    var phase = Phase.out

    init(number: Int, isStatic: Bool, version: Int16) {
        joiner = Joiner()
        joiner.version = version
        joiner.instanceID = isStatic ? "seat-\(number)" : nil
        joiner.sessionTimeoutMs = 10_000
        joiner.rebalanceTimeoutMs = 20_000
    }

    /// By which name its work is given to it: that of its instance, or its member id.
    var seat: String { joiner.instanceID ?? joiner.memberID }

    var ticket: GroupTicket? {
        switch phase {
        case .joining(let ticket), .syncing(let ticket, _): ticket
        case .out, .joined, .working: nil
        }
    }

    /// The process dies and comes back without its member id.
    mutating func crash() {
        joiner.memberID = ""
        phase = .out
    }

    /// Does what a client does next, if it has something to do.
    mutating func proceed(_ bench: inout GroupBench, _ ledger: inout AssignmentLedger) {
        switch phase {
        case .out: phase = .joining(bench.send(joiner))
        case .joining(let ticket): if let reply = bench.joinReply(ticket) { take(reply, &ledger) }
        case .joined(let generation, let assignments):
            let ticket = bench.sync(
                joiner.memberID, generation: generation, instanceID: joiner.instanceID, assigning: assignments)
            phase = .syncing(ticket, generation)
        case .syncing(let ticket, let generation):
            guard let error = bench.syncError(ticket) else { return }
            if error == .none {
                ledger.received(bench.assignment(ticket) ?? "", generation: generation, seat: seat)
                phase = .working(generation)
            } else {
                startOver(error)
            }
        case .working(let generation):
            let error = bench.heartbeat(joiner.memberID, generation: generation, instanceID: joiner.instanceID)
            if error == ErrorCode.none {
                #expect(bench.registry.liveGroup("flights")?.generation == generation)
            } else if let error {
                startOver(error)
            }
        }
    }

    private mutating func take(_ reply: JoinGroupResponse, _ ledger: inout AssignmentLedger) {
        let error = ErrorCode(rawValue: reply.errorCode)
        switch error {
        case .none:
            joiner.memberID = reply.memberId
            ledger.joined(generation: reply.generationId)
            let leads = reply.leader == reply.memberId && !reply.skipAssignment
            let assignments = leads ? ledger.assign(reply.members, generation: reply.generationId) : [:]
            phase = .joined(reply.generationId, assigning: assignments)
        case .memberIdRequired:
            joiner.memberID = reply.memberId
            phase = .out
        default: startOver(error)
        }
    }

    private mutating func startOver(_ error: ErrorCode) {
        switch error {
        case .unknownMemberId, .fencedInstanceId: joiner.memberID = ""
        case .rebalanceInProgress, .illegalGeneration: break
        default: Issue.record("unexpected refusal: \(error)")
        }
        phase = .out
    }
}

/// Who assigned what in which generation.
struct AssignmentLedger {
    private var lastNumber = 0
    private var accepted: [Int32: String] = [:]
    private(set) var lastGeneration: Int32 = 0

    mutating func joined(generation: Int32) { lastGeneration = max(lastGeneration, generation) }

    /// Work for every member: its generation, who gave it, and for which seat.
    mutating func assign(
        _ members: [JoinGroupResponse.JoinGroupResponseMember], generation: Int32
    ) -> [String: String] {
        lastNumber += 1
        return Dictionary(
            uniqueKeysWithValues: members.map {
                ($0.memberId, "\(generation)/\(lastNumber)/\($0.groupInstanceId ?? $0.memberId)")
            })
    }

    mutating func received(_ text: String, generation: Int32, seat: String) {
        let parts = text.split(separator: "/").map(String.init)
        guard parts.count == 3 else {
            Issue.record("\(seat) got \"\(text)\" in generation \(generation)")
            return
        }
        #expect(parts[0] == String(generation), "the assignment of another generation")
        #expect(parts[2] == seat, "somebody else's assignment")
        let first = accepted[generation, default: parts[1]]
        #expect(first == parts[1], "two assignments in generation \(generation)")
        accepted[generation] = first
    }
}
