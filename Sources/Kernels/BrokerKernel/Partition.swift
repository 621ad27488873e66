import ClusterModel
import SegmentedLog

/// A replica of a partition on this broker: its log and what the tree says of it.
///
/// There is one broker to a cluster so far, so the high watermark is the log's end.
package final class Partition {
    package let name: TopicPartition
    package let topicID: KafkaUUID
    package let log: PartitionLog
    package internal(set) var leaderEpoch: LeaderEpoch = -1
    package internal(set) var isLeader = false
    var inSyncReplicaCount = 0
    var minimumInSyncReplicas = 1
    /// Whether the log grew in this step, so that fetches waiting for it are looked at.
    var hasGrown = false

    init(name: TopicPartition, topicID: KafkaUUID, log: PartitionLog) {
        self.name = name
        self.topicID = topicID
        self.log = log
    }

    /// What consumers may read up to: the high watermark, or only to the first undecided transaction.
    func readableEnd(committedOnly: Bool) -> Offset {
        committedOnly ? log.lastStableOffset : log.highWatermark
    }
}
