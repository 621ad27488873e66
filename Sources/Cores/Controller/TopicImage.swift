import ClusterModel

/// One topic of a ``ClusterImage``.
package struct TopicImage: Sendable, Equatable {
    /// ``KafkaUUID/zero`` for topics made before Apache Kafka 2.8.
    package var id: KafkaUUID
    /// Indexed by partition.
    package var partitions: [PartitionImage]
    /// What was set on the topic itself (`/config/topics/<name>`), without defaults.
    package var configs: [String: String]
    /// The version of the node of those settings; -1 while there is none.
    package var configVersion: Int32 = -1
    /// The version of the topic's node, for conditional writes.
    package var nodeVersion: Int32

    package init(
        id: KafkaUUID, partitions: [PartitionImage] = [], configs: [String: String] = [:], nodeVersion: Int32 = 0
    ) {
        self.id = id
        self.partitions = partitions
        self.configs = configs
        self.nodeVersion = nodeVersion
    }
}

/// One partition: where it lives (from the topic's node) and who leads it (from its state node).
package struct PartitionImage: Sendable, Equatable {
    /// Where it lives; the first is the preferred leader. While it moves, the union of old and new.
    package var replicas: [BrokerID]
    /// Which of `replicas` are being added by a move.
    package var addingReplicas: [BrokerID]
    /// Which of `replicas` go when the move is done.
    package var removingReplicas: [BrokerID]
    /// Brokers in sync, in the order of the state node; empty while there is no state node.
    package var isr: [BrokerID]
    /// nil while nobody leads, and while there is no state node.
    package var leader: BrokerID?
    /// -1 while there is no state node.
    package var leaderEpoch: LeaderEpoch
    /// The epoch of the controller that wrote the state node last.
    package var controllerEpoch: Int32
    /// The version of the state node, the condition of the next write to it; -1 while there is none.
    package var stateVersion: Int32

    /// A partition without a state node.
    package init(
        replicas: [BrokerID], addingReplicas: [BrokerID] = [], removingReplicas: [BrokerID] = []
    ) {
        self.replicas = replicas
        self.addingReplicas = addingReplicas
        self.removingReplicas = removingReplicas
        isr = []
        leader = nil
        leaderEpoch = -1
        controllerEpoch = -1
        stateVersion = -1
    }

    /// Takes over what the state node says, or that there is none.
    package mutating func setState(_ state: PartitionState?, version: Int32) {
        isr = state?.isr ?? []
        leader = state?.leader
        leaderEpoch = state?.leaderEpoch ?? -1
        controllerEpoch = state?.controllerEpoch ?? -1
        stateVersion = state == nil ? -1 : version
    }

    /// What the state node says; nil when there is none.
    package var state: PartitionState? {
        guard stateVersion >= 0 else { return nil }
        return PartitionState(
            leader: leader, leaderEpoch: leaderEpoch, isr: isr, controllerEpoch: controllerEpoch)
    }
}

/// What a partition's state node says (`/brokers/topics/<topic>/partitions/<partition>/state`).
package struct PartitionState: Sendable, Equatable {
    /// nil is written as -1: no replica in sync is alive.
    package var leader: BrokerID?
    package var leaderEpoch: LeaderEpoch
    package var isr: [BrokerID]
    package var controllerEpoch: Int32

    package init(leader: BrokerID?, leaderEpoch: LeaderEpoch, isr: [BrokerID], controllerEpoch: Int32) {
        self.leader = leader
        self.leaderEpoch = leaderEpoch
        self.isr = isr
        self.controllerEpoch = controllerEpoch
    }
}
