/// The ensemble as it is, and as entries that are not committed yet would have it.
///
/// As long as a change is under way both must agree (joint consensus): any quorum of before and any of after then share
/// a member with every quorum that decides.
struct MembershipHistory: Sendable {
    /// Ascending by version; the first is committed.
    private(set) var active: [Membership]

    init(_ committed: Membership) { active = [committed] }

    /// The newest.
    var current: Membership { active[active.count - 1] }

    var isChanging: Bool { active.count > 1 }

    /// All that belong to the ensemble as it is or will be, ascending.
    var everybody: [MemberID] { Set(active.flatMap { $0.members.map(\.id) }).sorted() }

    func isVoter(_ id: MemberID) -> Bool { active.contains { $0.isVoter(id) } }

    func isQuorum(_ agreeing: Set<MemberID>) -> Bool { active.allSatisfy { $0.isQuorum(agreeing) } }

    mutating func add(_ membership: Membership) {
        precondition(membership.version > current.version, "\(membership.version) follows \(current.version)")
        active.append(membership)
    }

    /// Forgets what entries above `zxid` wanted.
    mutating func truncate(after zxid: Int64) {
        while active.count > 1, current.version > zxid { active.removeLast() }
    }

    /// What entries up to `zxid` wanted is so. Returns whether that is news.
    @discardableResult mutating func settle(upTo zxid: Int64) -> Bool {
        guard active.count > 1, active[1].version <= zxid else { return false }
        while active.count > 1, active[1].version <= zxid { active.removeFirst() }
        return true
    }

    mutating func replace(by membership: Membership) { active = [membership] }
}
