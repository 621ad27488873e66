import ClusterModel

/// Where a member stands on the way to its target. It moves with its heartbeats only.
///
///     state               | the member                       | left when
///     --------------------+----------------------------------+------------------------------------------------------
///     stable              | has what it is to have by its    | the target is of a newer epoch
///                         | epoch                            |
///     unrevokedPartitions | has to let partitions go; keeps  | it owns them no more → as below; its rebalance timeout
///                         | its epoch                        |   passed → it is removed
///     unreleasedPartitions| waits for partitions that others | those were let go → stable, in parts; the target is of
///                         | still hold; in the target's epoch|   a newer epoch
///
/// A member with something to let go lets that go first; then it takes the target's epoch and what nobody holds of what
/// the target has for it (KIP-848, "Reconciliation Process").
package enum MemberState: Int8, Sendable {
    case stable = 0
    case unrevokedPartitions = 1
    case unreleasedPartitions = 2
    /// Of a record that a later version wrote.
    case unknown = 127
}

extension ConsumerGroup {
    /// The next standing of a member.
    ///
    /// - Parameter owned: what the member says it reads now; nil when it did not say.
    func reconciled(_ memberID: String, owned: PartitionSet?) -> MemberStanding {
        let standing = standing(of: memberID)
        switch standing.state {
        case .stable:
            return standing.epoch == assignmentEpoch ? standing : advanced(memberID, standing, standing.epoch, owned)
        case .unrevokedPartitions:
            guard let owned, owned.isDisjoint(with: standing.revoking) else { return standing }
            return advanced(memberID, standing, standing.epoch + 1, owned)
        case .unreleasedPartitions, .unknown:
            return advanced(memberID, standing, standing.epoch, owned)
        }
    }

    /// - Parameter epoch: the member's, should it have more to let go.
    private func advanced(
        _ memberID: String, _ standing: MemberStanding, _ epoch: Int32, _ owned: PartitionSet?
    ) -> MemberStanding {
        let target = target(of: memberID)
        let kept = standing.assigned.intersection(target)
        let surplus = standing.assigned.subtracting(target)
        var next = standing
        next.assigned = kept
        if !surplus.isEmpty, owned.map({ !$0.isDisjoint(with: surplus) }) ?? true {
            next.state = .unrevokedPartitions
            next.revoking = surplus
            next.enter(epoch)
            return next
        }
        let missing = target.subtracting(kept)
        // What this member has just let go is free only when its record says so.
        let free = missing.filter { isFree($1, of: $0) }
        next.assigned = kept.union(free)
        next.revoking = PartitionSet()
        next.state = free.count == missing.count ? .stable : .unreleasedPartitions
        next.enter(assignmentEpoch)
        return next
    }
}

extension MemberStanding {
    /// The epoch before is remembered, for the member may not have heard of the new one.
    fileprivate mutating func enter(_ epoch: Int32) {
        guard epoch != self.epoch else { return }
        previousEpoch = self.epoch
        self.epoch = epoch
    }
}
