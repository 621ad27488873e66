import ClusterModel

/// What the tree says of a partition to the broker that leads it.
package struct LeaderTerm: Sendable, Equatable {
    package var epoch: LeaderEpoch
    /// All replicas, the leader among them.
    package var replicas: [BrokerID]
    /// The in-sync set as it stands in the tree.
    package var inSync: [BrokerID]
    /// The version of the state node that says so.
    package var stateVersion: Int32

    package init(epoch: LeaderEpoch, replicas: [BrokerID], inSync: [BrokerID], stateVersion: Int32) {
        self.epoch = epoch
        self.replicas = replicas
        self.inSync = inSync
        self.stateVersion = stateVersion
    }
}
