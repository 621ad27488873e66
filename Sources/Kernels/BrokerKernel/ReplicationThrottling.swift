import ClusterModel
import Controller
import Replication

/// Which sides of a partition's replication count against the throttles of this broker (KIP-73).
struct ThrottledSides: Equatable {
    var isAtLeader = false
    var isAtFollower = false
}

/// What goes to followers that are not in sync, and what comes to this broker's replicas while they are not.
struct ReplicationThrottles {
    var leader: ReplicationThrottle
    var follower: ReplicationThrottle

    init(_ settings: BrokerKernelSettings) {
        leader = ReplicationThrottle(
            windowCount: settings.replicationQuotaWindowCount, window: settings.replicationQuotaWindow)
        follower = leader
    }
}

/// The replicas on one broker that a topic's setting names: `*`, or `partition:broker,partition:broker,…`.
struct ThrottledReplicas {
    private let isAll: Bool
    private let partitions: Set<Int32>

    /// - Parameter text: nil when the topic does not have the setting; one that makes no sense names nothing.
    init(_ text: String?, on broker: BrokerID) {
        isAll = text == "*"
        var partitions: Set<Int32> = []
        if let text, !isAll {
            for item in TopicConfigKey.items(text) {
                let parts = item.split(separator: ":").map { Int32($0) }
                if parts.count == 2, let partition = parts[0], parts[1] == broker.value { partitions.insert(partition) }
            }
        }
        self.partitions = partitions
    }

    func contains(_ partition: Int32) -> Bool { isAll || partitions.contains(partition) }
}

extension BrokerKernel {
    /// Takes over the limits that are set now.
    mutating func limitReplication() {
        throttles.leader.limit = brokerValues.number("leader.replication.throttled.rate")
        throttles.follower.limit = brokerValues.number("follower.replication.throttled.rate")
    }

    /// Takes over which partitions of a topic count.
    mutating func throttle(_ name: String, _ topic: TopicImage, hasNewConfigs: Bool) {
        let texts = ["leader", "follower"].map { topic.configs["\($0).replication.throttled.replicas"] }
        guard hasNewConfigs || texts.contains(where: { $0 != nil }) else { return }
        let leaders = ThrottledReplicas(texts[0], on: settings.brokerID)
        let followers = ThrottledReplicas(texts[1], on: settings.brokerID)
        for index in topic.partitions.indices {
            partitions[TopicPartition(topic: name, partition: Int32(index))]?.throttled = ThrottledSides(
                isAtLeader: leaders.contains(Int32(index)), isAtFollower: followers.contains(Int32(index)))
        }
    }

    /// Whether a follower gets nothing of a partition for the time being. One in sync never waits.
    func holdsBack(_ partition: Partition, from follower: BrokerID) -> Bool {
        guard partition.throttled.isAtLeader, let leader = partition.leadership else { return false }
        return !leader.term.inSync.contains(follower) && throttles.leader.isExceeded(at: now)
    }
}
