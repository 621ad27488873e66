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
        let mayBeInSync = mayBeInSync(replica, brokerEpoch: body.replicaState.replicaEpoch)
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
                step(partition, .followerFetched(replica, from: wanted.fetchOffset, mayBeInSync: mayBeInSync))
            }
        }
    }

    /// Whether a broker that fetches with this epoch of its own is the one that is registered (KIP-903): one that was
    /// started again may have lost what its predecessor had; and is not about to leave (KIP-841).
    private func mayBeInSync(_ broker: BrokerID, brokerEpoch: Int64) -> Bool {
        guard let registration = image.brokers[broker] else { return false }
        return !registration.isShuttingDown && (brokerEpoch == -1 || registration.epoch == brokerEpoch)
    }
}
