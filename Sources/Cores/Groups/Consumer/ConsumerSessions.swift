import Seams

/// What is known of the members of a group of the new protocol besides its records: until when they must speak, and let
/// go what they were asked to.
struct ConsumerSessions {
    private var sessions: [String: Instant] = [:]
    private var revocations: [String: Instant] = [:]
    /// The version of the topics that the group was last compared with; nil before the first heartbeat here.
    var topicsSeen: Int64?
    /// No deadline is before this moment.
    private(set) var nextDeadline = Instant.never

    init() {}

    /// The sessions of a group that was read back begin anew.
    init(of group: ConsumerGroup, timeout: Duration, at now: Instant) {
        for (memberID, member) in group.members {
            heard(memberID, timeout: timeout, at: now)
            follow(group.standing(of: memberID), of: memberID, member, at: now)
        }
    }

    mutating func heard(_ memberID: String, timeout: Duration, at now: Instant) {
        sessions[memberID] = now + timeout
        nextDeadline = min(nextDeadline, now + timeout)
    }

    /// A member moved: while it has something to let go, it has its rebalance timeout for it.
    mutating func follow(_ standing: MemberStanding, of memberID: String, _ member: ConsumerMember, at now: Instant) {
        guard standing.state == .unrevokedPartitions else { return revocations[memberID] = nil }
        let deadline = now + .milliseconds(Int64(max(0, member.rebalanceTimeoutInMilliseconds)))
        revocations[memberID] = deadline
        nextDeadline = min(nextDeadline, deadline)
    }

    mutating func endRevocation(of memberID: String) { revocations[memberID] = nil }

    mutating func forget(_ memberID: String) {
        sessions[memberID] = nil
        revocations[memberID] = nil
    }

    /// Members whose time is up, sorted, and what they did not do in time.
    func expired(at now: Instant) -> [(memberID: String, fault: String)] {
        let silent = sessions.filter { $0.value <= now }.keys
        let late = revocations.filter { $0.value <= now }.keys.filter { (sessions[$0] ?? .never) > now }
        return
            (silent.map { ($0, "was not heard of within its session timeout") }
            + late.map { ($0, "did not let its partitions go within its rebalance timeout") })
            .sorted { $0.0 < $1.0 }
    }

    /// To be called when ``nextDeadline`` has been dealt with.
    mutating func findNextDeadline() {
        nextDeadline = min(sessions.values.min() ?? .never, revocations.values.min() ?? .never)
    }
}
