import Records

/// What a partition's log is told about its size, age and contents: the topic's configuration, with Apache Kafka 3.9's
/// defaults. Each field names its key.
package struct LogSettings: Sendable, Equatable {
    /// Which ways the log has of getting rid of old records; `cleanup.policy`.
    package struct CleanupPolicy: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let delete = CleanupPolicy(rawValue: 1)
        package static let compact = CleanupPolicy(rawValue: 2)
    }

    /// How batches are compressed whatever their producer does.
    package struct Compression: Sendable, Equatable {
        package var codec: CompressionCodec
        /// As the codec's library counts; nil for its default.
        package var level: Int?

        package init(codec: CompressionCodec, level: Int? = nil) {
            self.codec = codec
            self.level = level
        }
    }

    /// `cleanup.policy`
    package var cleanupPolicy: CleanupPolicy = .delete
    /// `segment.bytes`
    package var segmentSizeInBytes = 1 << 30
    /// `segment.ms`
    package var segmentAgeInMilliseconds: Int64 = 604_800_000
    /// `segment.jitter.ms`: at most this much is taken off a segment's age, so that partitions do not roll together.
    package var segmentJitterInMilliseconds: Int64 = 0
    /// `segment.index.bytes`
    package var indexSizeInBytes = 10 << 20
    /// `index.interval.bytes`
    package var indexIntervalInBytes = 4096
    /// `retention.ms`; nil keeps records for ever.
    package var retentionInMilliseconds: Int64? = 604_800_000
    /// `retention.bytes`; nil does not limit.
    package var retentionInBytes: Int64?
    /// `file.delete.delay.ms`
    package var fileDeleteDelayInMilliseconds: Int64 = 60_000
    /// `max.message.bytes`: the largest batch.
    package var maxBatchSizeInBytes = 1_048_588
    /// `message.timestamp.type`
    package var timestampType: TimestampType = .createTime
    /// `message.timestamp.before.max.ms`
    package var timestampBeforeLimitInMilliseconds = Int64.max
    /// `message.timestamp.after.max.ms`
    package var timestampAfterLimitInMilliseconds = Int64.max
    /// `compression.type`; nil keeps batches as their producers compress them.
    package var compression: Compression?
    /// `message.downconversion.enable`: whether consumers older than magic 2 are served.
    package var servesOldFormats = true
    /// `flush.messages`
    package var flushIntervalInRecords = Int64.max
    /// `flush.ms`
    package var flushIntervalInMilliseconds = Int64.max
    /// `min.cleanable.dirty.ratio`: what part of a log must be new before it is compacted.
    package var minCleanableRatio = 0.5
    /// `min.compaction.lag.ms`
    package var minCompactionLagInMilliseconds: Int64 = 0
    /// `max.compaction.lag.ms`
    package var maxCompactionLagInMilliseconds = Int64.max
    /// `delete.retention.ms`: how long a tombstone outlives what it deletes.
    package var deleteRetentionInMilliseconds: Int64 = 86_400_000
    /// The broker's `producer.id.expiration.ms`.
    package var producerExpirationInMilliseconds: Int64 = 86_400_000

    package init() {}
}
