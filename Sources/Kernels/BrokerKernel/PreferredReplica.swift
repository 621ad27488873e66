import ClusterModel
import Controller
import Replication

/// Where a consumer stands (KIP-392).
struct ConsumerNearness {
    /// The listener it came by: a replica that it cannot reach by the same one is none for it.
    var listener: String
    /// Its `client.rack`; empty when it has none.
    var rack: String
}

extension BrokerKernel {
    /// The follower that a consumer of a partition led here should rather read from: of those in its rack that are in
    /// sync and hold what it wants, the most caught up. nil when the leader is as good.
    func preferredReplica(
        of partition: Partition, for consumer: ConsumerNearness, at offset: Offset
    ) -> BrokerID? {
        guard settings.sendsConsumersToTheirRack, !consumer.rack.isEmpty, let leader = partition.leadership,
            image.brokers[settings.brokerID]?.rack != consumer.rack
        else { return nil }
        return leader.inSyncFollowers(holding: offset).first { follower in
            guard let registration = image.brokers[follower] else { return false }
            return registration.rack == consumer.rack && registration.endpoint(ofListener: consumer.listener) != nil
        }
    }
}
