/// Who belongs to an ensemble, who of them votes, and where they are found.
package struct Membership: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package var id: MemberID
        /// False for observers, which follow without a vote.
        package var isVoter: Bool
        /// What stands behind `server.N=` in the configuration; nothing to the quorum.
        package var address: String
        /// Of its vote (`weight.N`).
        package var weight: Int
        /// Of a hierarchical ensemble (`group.N`); all members have one or none has.
        package var group: Int64?

        package init(id: MemberID, isVoter: Bool = true, address: String = "", weight: Int = 1, group: Int64? = nil) {
            self.id = id
            self.isVoter = isVoter
            self.address = address
            self.weight = weight
            self.group = group
        }
    }

    /// Ascending by their ids.
    package private(set) var members: [Member]
    /// The zxid of the change that made it; 0 for what a file says.
    package var version: Int64

    package init(_ members: [Member], version: Int64 = 0) {
        self.members = members.sorted { $0.id < $1.id }
        self.version = version
    }

    package subscript(id: MemberID) -> Member? { members.first { $0.id == id } }

    package var voters: [MemberID] { members.filter(\.isVoter).map(\.id) }

    package func isVoter(_ id: MemberID) -> Bool { self[id]?.isVoter ?? false }

    /// Whether these members may decide for all: more than half of the weight, in more than half of the groups. Any two
    /// such sets share a member.
    package func isQuorum(_ agreeing: Set<MemberID>) -> Bool {
        var weights: [Int64: (all: Int, agreeing: Int)] = [:]
        for member in members where member.isVoter && member.weight > 0 {
            weights[member.group ?? 0, default: (0, 0)].all += member.weight
            if agreeing.contains(member.id) { weights[member.group ?? 0, default: (0, 0)].agreeing += member.weight }
        }
        return weights.values.count { $0.agreeing * 2 > $0.all } * 2 > weights.count
    }
}
