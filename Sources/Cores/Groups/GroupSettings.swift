/// What the broker's configuration says about groups, with Apache Kafka's defaults.
package struct GroupSettings: Sendable {
    /// `group.min.session.timeout.ms` and `group.max.session.timeout.ms`
    package var sessionTimeoutsInMilliseconds: ClosedRange<Int32> = 6_000...1_800_000
    /// `group.max.size`: members.
    package var maximumSize = Int(Int32.max)
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members before its first generation.
    package var initialRebalanceDelay = Duration.milliseconds(3_000)
    /// `offset.metadata.max.bytes`, counted in UTF-16 units as Apache Kafka does.
    package var maximumMetadataLength = 4_096
    /// `offsets.commit.timeout.ms`: how long an answer waits until what it tells is committed.
    package var commitTimeout = Duration.milliseconds(5_000)
    /// `offsets.retention.minutes`
    package var offsetRetention = Duration.seconds(10_080 * 60)
    /// `offsets.retention.check.interval.ms`
    package var retentionCheckInterval = Duration.milliseconds(600_000)

    /// What is said about groups of the new protocol alone.
    package var consumer = ConsumerProtocolSettings()

    package init() {}
}

/// What the broker's configuration says about groups of the new protocol (KIP-848).
package struct ConsumerProtocolSettings: Sendable {
    /// Whether `group.coordinator.rebalance.protocols` has `consumer`.
    package var isEnabled = true
    /// `group.consumer.session.timeout.ms`: how long a member may be silent.
    package var sessionTimeout = Duration.milliseconds(45_000)
    /// `group.consumer.heartbeat.interval.ms`: how often members are told to speak.
    package var heartbeatIntervalInMilliseconds: Int32 = 5_000
    /// `group.consumer.max.size`: members.
    package var maximumSize = Int(Int32.max)
    /// `group.consumer.assignors`: never empty; the first is for members that ask for none.
    package var assignors: [PartitionAssignor] = [.uniform, .range]

    package init() {}
}
