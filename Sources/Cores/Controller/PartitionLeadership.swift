import ClusterModel

/// Who should lead a partition, given who lives: the rules of Apache Kafka's controller. Every change raises the leader
/// epoch.
package enum PartitionLeadership {
    /// The first state of a new partition: the replicas that live are in sync, the first of them leads. nil while none
    /// lives: the partition then waits without a state.
    /// - Parameter leaderEpoch: the first; later than 0 where a topic is made anew with its id.
    package static func initialState(
        replicas: [BrokerID], _ brokers: BrokerStanding, controllerEpoch: Int32, leaderEpoch: LeaderEpoch = 0
    ) -> PartitionState? {
        let isr = replicas.filter(brokers.stays)
        guard let leader = isr.first else { return nil }
        return PartitionState(leader: leader, leaderEpoch: leaderEpoch, isr: isr, controllerEpoch: controllerEpoch)
    }

    /// The state after brokers came or went; nil when `state` may stay.
    ///
    /// A dead broker leaves the in-sync set as long as two that live are in it, one that is leaving as long as two that
    /// stay are. Nobody is left alone in it: who is registered may have lost its power a moment ago, and what it lacks
    /// then only those have who would be taken out. Where one lives, that one leads and takes the others out itself,
    /// once its log is synced; where none does, whoever of them returns first has every committed record. One that lives
    /// and cannot serve its replica has nothing to be kept for, unless nobody else would be left.
    ///
    /// A leader that is left in the set stays; otherwise the first replica in sync that lives takes over; otherwise
    /// nobody leads, or with `uncleanAllowed` any replica that lives does, and is then the only one in sync.
    package static func nextState(
        of state: PartitionState, replicas: [BrokerID], uncleanAllowed: Bool, _ brokers: BrokerStanding,
        controllerEpoch: Int32
    ) -> PartitionState? {
        let living = state.isr.filter { brokers.isAlive($0) && replicas.contains($0) }
        let staying = living.filter(brokers.stays)
        let candidates = staying.isEmpty ? living : staying
        var isr = staying.count > 1 ? staying : living
        if living.count == 1 { isr = state.isr.filter { replicas.contains($0) && !brokers.hasFailed($0) } }
        if living.isEmpty { isr = state.isr }
        var leader = state.leader.flatMap { candidates.contains($0) ? $0 : nil }
        if leader == nil { leader = replicas.first(where: candidates.contains) }
        if leader == nil, uncleanAllowed,
            let unclean = replicas.first(where: brokers.stays) ?? replicas.first(where: brokers.isAlive)
        {
            leader = unclean
            isr = [unclean]
        }
        guard leader != state.leader || isr != state.isr else { return nil }
        return PartitionState(
            leader: leader, leaderEpoch: state.leaderEpoch + 1, isr: isr, controllerEpoch: controllerEpoch)
    }

    /// The state with the first replica as leader, which must live and be in sync.
    package static func preferredElection(
        of partition: PartitionImage, _ brokers: BrokerStanding, controllerEpoch: Int32
    ) throws(ChangeRefusal) -> PartitionState {
        guard let preferred = partition.replicas.first, let state = partition.state else {
            throw ChangeRefusal(.preferredLeaderNotAvailable)
        }
        guard state.leader != preferred else { throw ChangeRefusal(.electionNotNeeded) }
        guard brokers.stays(preferred), state.isr.contains(preferred) else {
            throw ChangeRefusal(.preferredLeaderNotAvailable)
        }
        return PartitionState(
            leader: preferred, leaderEpoch: state.leaderEpoch + 1, isr: state.isr, controllerEpoch: controllerEpoch)
    }

    /// The state with a leader at any price, for a partition that has none: a replica in sync that lives, otherwise any
    /// that lives, which then is the only one in sync.
    package static func uncleanElection(
        of partition: PartitionImage, _ brokers: BrokerStanding, controllerEpoch: Int32
    ) throws(ChangeRefusal) -> PartitionState {
        guard let state = partition.state else { throw ChangeRefusal(.eligibleLeadersNotAvailable) }
        if let leader = state.leader, brokers.isAlive(leader) { throw ChangeRefusal(.electionNotNeeded) }
        let next = nextState(
            of: state, replicas: partition.replicas, uncleanAllowed: true, brokers, controllerEpoch: controllerEpoch)
        guard let next, next.leader != nil else { throw ChangeRefusal(.eligibleLeadersNotAvailable) }
        return next
    }

    /// The end of a partition's move: its new replicas alone, once all of them live and are in sync; nil before.
    ///
    /// A leader that goes is followed by the first of the new replicas.
    package static func settledState(
        of partition: PartitionImage, _ brokers: BrokerStanding, controllerEpoch: Int32
    ) -> PartitionState? {
        let target = partition.assignment.target
        guard let state = partition.state, !target.isEmpty,
            target.allSatisfy({ state.isr.contains($0) && brokers.isAlive($0) })
        else { return nil }
        let remaining = state.leader.flatMap { target.contains($0) ? $0 : nil }
        return PartitionState(
            leader: remaining ?? target.first(where: brokers.stays) ?? target[0], leaderEpoch: state.leaderEpoch + 1,
            isr: state.isr.filter(target.contains), controllerEpoch: controllerEpoch)
    }
}
