import ClusterModel
import Groups
import Security

/// What the kernel needs to know of a broker's configuration, with Apache Kafka's defaults.
package struct BrokerKernelSettings: Sendable {
    package var brokerID: BrokerID
    package var clusterID: String
    /// `num.partitions`
    package var defaultPartitionCount: Int32 = 1
    /// `default.replication.factor`
    package var defaultReplicationFactor: Int16 = 1
    /// `auto.create.topics.enable`
    package var createsTopicsAutomatically = true
    /// `delete.topic.enable`
    package var mayDeleteTopics = true
    /// `fetch.max.bytes`
    package var maximumFetchSizeInBytes = 55 * 1024 * 1024
    /// `max.incremental.fetch.session.cache.slots`
    package var fetchSessionSlots = 1000
    /// `log.retention.check.interval.ms`
    package var retentionCheckInterval = Duration.milliseconds(300_000)
    /// `replica.high.watermark.checkpoint.interval.ms`
    package var highWatermarkCheckpointInterval = Duration.milliseconds(5_000)
    /// `replica.lag.time.max.ms`: a follower that was not at the log's end for longer leaves the in-sync set.
    package var replicaLagLimit = Duration.milliseconds(30_000)
    /// `replica.fetch.wait.max.ms`
    package var replicaFetchWait = Duration.milliseconds(500)
    /// `replica.fetch.min.bytes`
    package var replicaFetchMinimumBytes: Int32 = 1
    /// `replica.fetch.max.bytes`: of one partition.
    package var replicaFetchPartitionMaximumBytes: Int32 = 1_048_576
    /// `replica.fetch.response.max.bytes`
    package var replicaFetchResponseMaximumBytes: Int32 = 10_485_760
    /// `replica.fetch.backoff.ms`
    package var replicaFetchBackoff = Duration.milliseconds(1_000)
    /// `replication.quota.window.num`
    package var replicationQuotaWindowCount = 11
    /// `replication.quota.window.size.seconds`
    package var replicationQuotaWindow = Duration.seconds(1)
    /// Whether `replica.selector.class` is the one that sends consumers to replicas of their rack (KIP-392).
    package var sendsConsumersToTheirRack = false
    /// So soon after an answer a follower gets no other: what comes meanwhile goes in one, which under load saves most of
    /// what replication costs. It is the most by which it delays acks=all.
    package var followersPause = Duration.milliseconds(1)
    /// `producer.id.expiration.ms`
    package var producerIDExpirationInMilliseconds: Int64 = 86_400_000
    /// `offsets.topic.num.partitions`
    package var committedOffsetsPartitionCount: Int32 = 50
    /// `offsets.topic.replication.factor`
    package var committedOffsetsReplicationFactor: Int16 = 1
    /// `offsets.topic.segment.bytes`
    package var committedOffsetsSegmentSizeInBytes = 104_857_600
    /// How long a request without a time limit of its own waits for the image to show what it brought about.
    package var imageTimeout = Duration.seconds(5)
    /// `log.cleaner.*`
    package var compaction = CompactionSettings()
    /// `group.*` and `offsets.*`
    package var groups = GroupSettings()
    /// nil: everybody who can connect may do everything.
    package var access: AccessSettings?
    /// Whether the audit log takes what is permitted, too.
    package var auditsPermissions = false
    /// Every setting of the broker.
    package var brokerConfigs: [BrokerConfig] = []
    /// What the configuration file sets, as it stands there: `log.*` gives the defaults of topics.
    package var configured: [String: String] = [:]

    package init(brokerID: BrokerID, clusterID: String) {
        self.brokerID = brokerID
        self.clusterID = clusterID
    }
}
