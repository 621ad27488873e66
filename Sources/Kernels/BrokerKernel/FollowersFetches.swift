import ClusterModel
import Controller
import KafkaProtocol
import Replication
import SegmentedLog

extension BrokerKernel {
    /// Takes up what a follower's fetch says of its log: a position is the acknowledgement of all before it.
    ///
    /// It counts only in the leader's epoch, and only where the follower's log is the beginning of the leader's. What came
    /// by an older connection than the follower's newest does not count: the network may bring it long after the follower
    /// has given it up, and by the newest it tells each position once. Returns false when it may count later, once this
    /// broker has read of its leadership.
    mutating func note(_ interest: FetchInterest, of follower: BrokerID, _ plan: FetchPlan) -> Bool {
        guard plan.connection == followersConnections[follower] else { return true }
        guard case .success(let partition) = replica(for: interest, plan) else { return !awaitsImage(interest, plan) }
        guard (partition.log.logStartOffset...partition.log.logEndOffset).contains(interest.fetchOffset),
            Divergence.end(
                in: partition.log, ofFollowerAt: interest.fetchOffset, lastEpoch: interest.lastFetchedEpoch) == nil
        else { return true }
        step(
            partition,
            .followerFetched(
                follower, from: interest.fetchOffset, logStart: interest.logStartOffset,
                brokerEpoch: plan.replicaEpoch, mayBeInSync: mayBeInSync(follower, brokerEpoch: plan.replicaEpoch)))
        endDeletions(of: partition)
        return true
    }

    /// Whether a replica asks for a partition in an epoch that this broker has not read of: of whoever reads the tree
    /// first, the follower often is. To refuse it would cost it `replica.fetch.backoff.ms`.
    func awaitsImage(_ interest: FetchInterest, _ plan: FetchPlan) -> Bool {
        guard plan.replica != nil else { return false }
        let known = name(of: interest.key).flatMap { image.partition($0) }
        return interest.currentLeaderEpoch > known?.leaderEpoch ?? -1
    }

    /// Tells the leaders here of brokers that registered, left, or are about to: an idle follower says its position
    /// once, perhaps before its registration was known here, or as another process.
    mutating func tellLeaders(of brokers: [BrokerID], since older: ClusterImage) {
        let standings = brokers.map { ($0, older.epochOfStaying($0), image.epochOfStaying($0)) }
        let changed = standings.filter { $0.1 != $0.2 && $0.0 != settings.brokerID }
        guard !changed.isEmpty else { return }
        for partition in partitions.values.filter(\.isLeader).sorted(by: { $0.name < $1.name }) {
            for (broker, _, epoch) in changed { step(partition, .followerRegistered(broker, epoch: epoch)) }
        }
    }

    /// Whether a broker that fetches with this epoch of its own is the one that is registered (KIP-903): one that was
    /// started again may have lost what its predecessor had; and is not about to leave (KIP-841).
    private func mayBeInSync(_ broker: BrokerID, brokerEpoch: Int64) -> Bool {
        guard let epoch = image.epochOfStaying(broker) else { return false }
        return brokerEpoch == -1 || brokerEpoch == epoch
    }
}

extension ClusterImage {
    /// The epoch of a broker's registration; nil when it is not registered or is shutting down.
    func epochOfStaying(_ broker: BrokerID) -> Int64? {
        brokers[broker].flatMap { $0.isShuttingDown ? nil : $0.epoch }
    }
}
