import ClusterModel

/// Who should lead a partition, given who lives: the rules of Apache Kafka's controller.
package enum PartitionLeadership {
    /// The first state of a new partition: the replicas that live are in sync, the first of them leads. nil while none
    /// lives: the partition then waits without a state.
    package static func initialState(
        replicas: [BrokerID], isAlive: (BrokerID) -> Bool, controllerEpoch: Int32
    ) -> PartitionState? {
        let isr = replicas.filter(isAlive)
        guard let leader = isr.first else { return nil }
        return PartitionState(leader: leader, leaderEpoch: 0, isr: isr, controllerEpoch: controllerEpoch)
    }

    /// The state after brokers came or went; nil when `state` may stay.
    ///
    /// A dead broker leaves the in-sync set, unless the set would be empty: its last members are kept, for whoever of
    /// them returns first has every committed record. A leader that lives and is in sync stays; otherwise the first
    /// replica in sync that lives takes over; otherwise nobody leads, or with `uncleanAllowed` any replica that lives
    /// does, and is then the only one in sync. Every change raises the leader epoch.
    package static func nextState(
        of state: PartitionState, replicas: [BrokerID], uncleanAllowed: Bool, isAlive: (BrokerID) -> Bool,
        controllerEpoch: Int32
    ) -> PartitionState? {
        let living = state.isr.filter(isAlive)
        var isr = living.isEmpty ? state.isr : living
        var leader = state.leader.flatMap { living.contains($0) ? $0 : nil }
        if leader == nil { leader = replicas.first { living.contains($0) } }
        if leader == nil, uncleanAllowed, let unclean = replicas.first(where: isAlive) {
            leader = unclean
            isr = [unclean]
        }
        guard leader != state.leader || isr != state.isr else { return nil }
        return PartitionState(
            leader: leader, leaderEpoch: state.leaderEpoch + 1, isr: isr, controllerEpoch: controllerEpoch)
    }
}
