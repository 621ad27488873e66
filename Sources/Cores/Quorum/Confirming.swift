/// How a leader makes sure that it has not been deposed without knowing it: in a round that begins after the question, a
/// quorum says that it follows no newer one (Raft's ReadIndex; Ongaro's thesis, 6.4). Then all that anybody was ever
/// acknowledged before is in the leader's log. Rounds travel on heartbeats, which also repeat what was lost.
extension QuorumMember {
    /// The round that confirms what was asked last.
    package var awaitedRound: Int64 { begunRound + 1 }

    mutating func askConfirmation() {
        guard case .leading(var leading) = role else {
            preconditionFailure("member \(id) is asked to confirm that it leads, and does not")
        }
        leading.isRoundDue = true
        role = .leading(leading)
    }

    /// All that was asked since the last round shares this one.
    mutating func beginRound(into effects: inout [QuorumEffect]) {
        guard case .leading(var leading) = role else { return }
        begunRound += 1
        leading.isRoundDue = false
        role = .leading(leading)
        for member in leading.progress.keys.sorted() {
            effects.append(.send(.heartbeat(epoch: leading.epoch, round: begunRound), to: member))
        }
        confirm(into: &effects)
    }

    mutating func confirm(into effects: inout [QuorumEffect]) {
        guard case .leading(var leading) = role, leading.confirmedRound < begunRound else { return }
        var rounds = leading.progress.mapValues(\.round)
        rounds[id] = begunRound
        for round in Set(rounds.values).sorted(by: >) {
            guard round > leading.confirmedRound else { return }
            guard memberships.isQuorum(Set(rounds.filter { $0.value >= round }.keys)) else { continue }
            leading.confirmedRound = round
            role = .leading(leading)
            return effects.append(.confirmed(round: round))
        }
    }
}
