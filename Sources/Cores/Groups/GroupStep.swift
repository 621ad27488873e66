import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams

/// A decision under way: the moment, the rules, and what has been decided so far.
struct GroupStep {
    let now: Instant
    let settings: GroupSettings
    /// Draws the random parts of member ids.
    var generator: any RandomNumberGenerator & Sendable
    var decision = Decision<GroupRecord, GroupEffect>()

    init(now: Instant, settings: GroupSettings, generator: any RandomNumberGenerator & Sendable) {
        self.now = now
        self.settings = settings
        self.generator = generator
    }

    mutating func append(_ record: GroupRecord) { decision.records.append(record) }

    mutating func reply(_ ticket: GroupTicket, _ reply: GroupReply) {
        decision.effects.append(.reply(ticket, reply))
    }

    mutating func report(_ group: String, _ text: String) {
        decision.effects.append(.report(group: group, text))
    }

    mutating func refuseJoin(_ ticket: GroupTicket, memberID: String, _ error: ErrorCode) {
        var response = JoinGroupResponse()
        response.errorCode = error.rawValue
        response.memberId = memberID
        reply(ticket, .joinGroup(response))
    }

    mutating func refuseSync(_ ticket: GroupTicket, _ error: ErrorCode) {
        var response = SyncGroupResponse()
        response.errorCode = error.rawValue
        reply(ticket, .syncGroup(response))
    }

    mutating func answerHeartbeat(_ ticket: GroupTicket, _ error: ErrorCode) {
        var response = HeartbeatResponse()
        response.errorCode = error.rawValue
        reply(ticket, .heartbeat(response))
    }

    /// An id for a new member: `prefix`, a hyphen and a random UUID.
    mutating func newMemberID(prefix: String) -> String {
        let id = KafkaUUID.random(using: &generator)
        let digits = Self.hexadecimal(id.high) + Self.hexadecimal(id.low)
        var text = prefix
        for (place, digit) in digits.enumerated() {
            if [0, 8, 12, 16, 20].contains(place) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
