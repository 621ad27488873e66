import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import MartletClient
import Mirroring
import NIOCore
import WireCoding

/// The group at a link's target in which processes share its work, as one of them speaks to it.
struct LinkGroup: Sendable {
    static let protocolType = "martlet-mirror"
    private static let protocolName = "load"
    /// Since when the protocol knows members that keep their places over a restart (KIP-345).
    private static let firstVersionWithSeats: Int16 = 5

    let name: String
    /// Of its own: the answer to joining comes when all have joined, and other questions would wait behind it.
    let joining: KafkaClient
    /// For signs of life, which wait behind nothing.
    let living: KafkaClient

    init(link: String, joining: KafkaClient, living: KafkaClient) {
        name = Self.name(of: link)
        self.joining = joining
        self.living = living
    }

    static func name(of link: String) -> String { "martlet-mirror.\(link)" }

    /// A place in a generation.
    struct Joined: Sendable {
        var memberID: String
        var generation: Int32
        /// What all have told, by their member ids; nil for those who do not divide the work.
        var reports: [String: MemberReport]?
    }

    /// Joins, and returns when all have: within `session` of the death of one who does not.
    func join(_ memberID: String, seat: String, session: Duration, _ report: MemberReport) async throws -> Joined {
        let rebalance = session * 3
        return try await placed(joining) {
            let connection = try await joining.connection(for: .groupCoordinator(name))
            var request = JoinGroupRequest()
            request.groupId = name
            request.sessionTimeoutMs = Int32(clamping: Int64(session / .milliseconds(1)))
            request.rebalanceTimeoutMs = Int32(clamping: Int64(rebalance / .milliseconds(1)))
            request.memberId = memberID
            if try connection.version(of: JoinGroupRequest.self) >= Self.firstVersionWithSeats {
                request.groupInstanceId = seat
            }
            request.protocolType = Self.protocolType
            var supported = JoinGroupRequest.JoinGroupRequestProtocol()
            supported.name = Self.protocolName
            supported.metadata = report.bytes
            request.protocols = [supported]
            // An empty group may wait a little for more members.
            let patience = rebalance + .seconds(10)
            var answer = try await connection.send(request, timeout: patience)
            if ErrorCode(rawValue: answer.errorCode) == .memberIdRequired {
                request.memberId = answer.memberId
                answer = try await connection.send(request, timeout: patience)
            }
            try ClientFault.check(answer.errorCode, "group \(name)")
            let divides = answer.leader == answer.memberId && !answer.skipAssignment
            return Joined(
                memberID: answer.memberId, generation: answer.generationId,
                reports: divides ? try Self.reports(answer.members) : nil)
        }
    }

    private static func reports(
        _ members: [JoinGroupResponse.JoinGroupResponseMember]
    ) throws -> [String: MemberReport] {
        var reports: [String: MemberReport] = [:]
        for member in members { reports[member.memberId] = try MemberReport(member.metadata) }
        return reports
    }

    /// Asks for the share, giving all theirs first when it has divided the work; nil for nothing to do.
    func sync(
        _ place: Joined, seat: String, session: Duration, _ shares: [String: WorkShare]
    ) async throws -> WorkShare? {
        try await placed(joining) {
            let connection = try await joining.connection(for: .groupCoordinator(name))
            var request = SyncGroupRequest()
            request.groupId = name
            request.generationId = place.generation
            request.memberId = place.memberID
            if try connection.version(of: JoinGroupRequest.self) >= Self.firstVersionWithSeats {
                request.groupInstanceId = seat
            }
            request.protocolType = Self.protocolType
            request.protocolName = Self.protocolName
            request.assignments = shares.sorted { $0.key < $1.key }.map { memberID, share in
                var assignment = SyncGroupRequest.SyncGroupRequestAssignment()
                assignment.memberId = memberID
                assignment.assignment = share.bytes
                return assignment
            }
            let answer = try await connection.send(request, timeout: session * 3)
            try ClientFault.check(answer.errorCode, "group \(name)")
            return answer.assignment.readableBytes == 0 ? nil : try WorkShare(answer.assignment)
        }
    }

    /// A sign of life; returns what the group says to it.
    func beat(
        _ memberID: String, generation: Int32, seat: String, timeout: Duration
    ) async throws -> Membership.Word {
        try await placed(living) {
            let connection = try await living.connection(for: .groupCoordinator(name))
            var request = HeartbeatRequest()
            request.groupId = name
            request.generationId = generation
            request.memberId = memberID
            if try connection.version(of: JoinGroupRequest.self) >= Self.firstVersionWithSeats {
                request.groupInstanceId = seat
            }
            let answer = try await connection.send(request, timeout: timeout)
            let word = Membership.Word(ErrorCode(rawValue: answer.errorCode))
            if word == .other { try ClientFault.check(answer.errorCode, "group \(name)") }
            return word
        }
    }

    /// Lets the others have its work at once.
    func leave(_ memberID: String, seat: String) async throws {
        try await placed(living) {
            let connection = try await living.connection(for: .groupCoordinator(name))
            var leaving = LeaveGroupRequest.MemberIdentity()
            leaving.memberId = memberID
            if try connection.version(of: JoinGroupRequest.self) >= Self.firstVersionWithSeats {
                leaving.groupInstanceId = seat
            }
            var request = LeaveGroupRequest()
            request.groupId = name
            request.memberId = memberID
            request.members = [leaving]
            let answer = try await connection.send(request, timeout: .seconds(1))
            try ClientFault.check(answer.errorCode, "group \(name)")
        }
    }

    /// After whatever goes wrong it may be another broker that keeps the group.
    private func placed<Value>(_ client: KafkaClient, _ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch {
            client.forgetPlaces()
            throw error
        }
    }
}

extension Membership.Word {
    init(_ code: ErrorCode) {
        switch code {
        case .none: self = .taken
        case .rebalanceInProgress: self = .rebalancing
        case .illegalGeneration: self = .staleGeneration
        case .unknownMemberId: self = .unknownMember
        case .fencedInstanceId: self = .replaced
        default: self = .other
        }
    }
}
