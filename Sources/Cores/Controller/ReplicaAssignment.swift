import ClusterModel

/// Where a partition lives, and where it goes while it moves (KIP-455).
package struct ReplicaAssignment: Sendable, Equatable {
    /// The first is the preferred leader. While the partition moves: the new replicas, and then the old ones that go.
    package var replicas: [BrokerID]
    /// Which of `replicas` a move adds.
    package var adding: [BrokerID]
    /// Which of `replicas` go when the move is done.
    package var removing: [BrokerID]

    package init(replicas: [BrokerID], adding: [BrokerID] = [], removing: [BrokerID] = []) {
        self.replicas = replicas
        self.adding = adding
        self.removing = removing
    }

    package var isMoving: Bool { !adding.isEmpty || !removing.isEmpty }

    /// Where it lived before the move.
    package var origin: [BrokerID] { replicas.filter { !adding.contains($0) } }

    /// Where it will live.
    package var target: [BrokerID] { replicas.filter { !removing.contains($0) } }

    /// The beginning of a move to `target`, which takes the place of a move under way: replicas that only that one
    /// wanted are dropped.
    package func moving(to target: [BrokerID]) -> ReplicaAssignment {
        let origin = origin
        let leaving = origin.filter { !target.contains($0) }
        return ReplicaAssignment(
            replicas: target + leaving, adding: target.filter { !origin.contains($0) }, removing: leaving)
    }

    /// The end of the move.
    package var settled: ReplicaAssignment { ReplicaAssignment(replicas: target) }

    /// What to do to a partition that lives by `self` and should go to `target`; nil stands for back.
    /// - Returns: nil when there is nothing to go back from.
    package func redirected(to target: [BrokerID]?) -> ReplicaAssignment? {
        guard let target else { return isMoving ? ReplicaAssignment(replicas: origin) : nil }
        return moving(to: target)
    }
}

extension PartitionImage {
    package var assignment: ReplicaAssignment {
        ReplicaAssignment(replicas: replicas, adding: addingReplicas, removing: removingReplicas)
    }

    /// What becomes of the partition when it is to move to `target`, or back where it came from (nil).
    ///
    /// - Returns: the assignment, and the state as far as it has to change at once: replicas that are dropped leave the
    ///   in-sync set, and if one of them leads, another takes over.
    package func redirected(
        to target: [BrokerID]?, in image: ClusterImage
    ) throws(ChangeRefusal) -> (ReplicaAssignment, PartitionState?) {
        if let target { try Self.check(target, from: assignment, in: image) }
        guard let next = assignment.redirected(to: target) else {
            throw ChangeRefusal(.noReassignmentInProgress)
        }
        guard let state, state.isr.contains(where: { !next.replicas.contains($0) }) else { return (next, nil) }
        let isr = state.isr.filter(next.replicas.contains)
        guard !isr.isEmpty else {
            throw ChangeRefusal(
                .invalidReplicaAssignment,
                "None of the replicas that would be left is in sync: it would require an unclean leader election.")
        }
        let leader = state.leader.flatMap { isr.contains($0) ? $0 : nil }
        let heir = next.replicas.first { isr.contains($0) && image.brokers[$0] != nil }
        let changed = PartitionState(
            leader: leader ?? heir, leaderEpoch: state.leaderEpoch + 1, isr: isr, controllerEpoch: image.controllerEpoch
        )
        return (next, changed)
    }

    private static func check(
        _ target: [BrokerID], from assignment: ReplicaAssignment, in image: ClusterImage
    ) throws(ChangeRefusal) {
        func listed(_ ids: [BrokerID]) -> String { ids.map(\.description).joined(separator: ", ") }
        guard !target.isEmpty else {
            throw ChangeRefusal(
                .invalidReplicaAssignment, "Empty replica list specified in partition reassignment.")
        }
        guard Set(target).count == target.count else {
            throw ChangeRefusal(
                .invalidReplicaAssignment,
                "Duplicate replica ids in partition reassignment replica list: \(listed(target))")
        }
        guard target.allSatisfy({ $0.value >= 0 }) else {
            throw ChangeRefusal(
                .invalidReplicaAssignment, "Invalid broker id in replica list: \(listed(target))")
        }
        let adding = assignment.moving(to: target).adding
        guard adding.allSatisfy({ image.brokers[$0] != nil }) else {
            throw ChangeRefusal(
                .invalidReplicaAssignment,
                "Replica assignment has brokers that are not alive. Replica list: \(listed(adding)), "
                    + "live broker list: \(listed(image.brokers.keys.sorted()))")
        }
    }
}
