import ClusterModel
import Groups

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
    /// `group.*` and `offsets.*`
    package var groups = GroupSettings()
    /// Every setting of the broker.
    package var brokerConfigs: [BrokerConfig] = []
    /// What the configuration file sets, as it stands there: `log.*` gives the defaults of topics.
    package var configured: [String: String] = [:]

    package init(brokerID: BrokerID, clusterID: String) {
        self.brokerID = brokerID
        self.clusterID = clusterID
    }
}
