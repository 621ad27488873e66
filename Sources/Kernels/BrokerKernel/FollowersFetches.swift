import ClusterModel
import Controller
import KafkaProtocol
import Replication

extension BrokerKernel {
    /// Takes up what a follower's fetch says of its logs: a position is the acknowledgement of all before it.
    ///
    /// It counts only in the leader's epoch, and only where the follower's log is the beginning of the leader's.
    mutating func note(_ body: FetchRequest, of plan: FetchPlan) {
        guard let replica = plan.replica else { return }
        let brokerEpoch = body.replicaState.replicaEpoch
        let mayBeInSync = mayBeInSync(replica, brokerEpoch: brokerEpoch)
        for topic in body.topics {
            let name = plan.usesTopicIDs ? image.topicName(of: topic.topicId) ?? "" : topic.topic
            for wanted in topic.partitions {
                let id = TopicPartition(topic: name, partition: wanted.partition)
                guard case .success(let partition) = led(id, leaderEpoch: wanted.currentLeaderEpoch),
                    !plan.usesTopicIDs || partition.topicID == topic.topicId,
                    (partition.log.logStartOffset...partition.log.logEndOffset).contains(wanted.fetchOffset),
                    Divergence.end(
                        in: partition.log, ofFollowerAt: wanted.fetchOffset, lastEpoch: wanted.lastFetchedEpoch) == nil
                else { continue }
                step(
                    partition,
                    .followerFetched(
                        replica, from: wanted.fetchOffset, logStart: wanted.logStartOffset, brokerEpoch: brokerEpoch,
                        mayBeInSync: mayBeInSync))
                endDeletions(of: partition)
            }
        }
    }

    /// Tells the leaders here of brokers that registered, left, or are about to: an idle follower says its position
    /// once, perhaps before its registration was known here, or as another process.
    mutating func tellLeaders(of brokers: [BrokerID], since older: ClusterImage) {
        let standings = brokers.map { ($0, older.epochOfStaying($0), image.epochOfStaying($0)) }
        let changed = standings.filter { $0.1 != $0.2 && $0.0 != settings.brokerID }
        guard !changed.isEmpty else { return }
        for partition in partitions.values.filter(\.isLeader).sorted(by: { $0.name < $1.name }) {
            for (broker, _, epoch) in changed {
                step(partition, .followerRegistered(broker, epoch: epoch))
                if image.brokers[broker]?.isShuttingDown ?? false { step(partition, .followerLeaves(broker)) }
            }
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
    fileprivate func epochOfStaying(_ broker: BrokerID) -> Int64? {
        brokers[broker].flatMap { $0.isShuttingDown ? nil : $0.epoch }
    }
}
