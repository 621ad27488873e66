/// Topics that brokers keep their own state in; clients may read them and not write to them.
enum InternalTopics {
    static let committedOffsets = "__consumer_offsets"
    static let transactions = "__transaction_state"

    static let names: Set<String> = [committedOffsets, transactions]

    /// How a topic is made that somebody uses before it is there: the internal ones have settings of their own.
    ///
    /// In a cluster of fewer brokers than replicas are wanted there are as many replicas as brokers.
    static func definition(of name: String, _ settings: BrokerKernelSettings, brokerCount: Int) -> NewTopic {
        var topic = NewTopic(name: name)
        if name == committedOffsets {
            topic.placement = .counts(
                partitions: settings.committedOffsetsPartitionCount,
                replicas: min(settings.committedOffsetsReplicationFactor, Int16(clamping: max(1, brokerCount))))
            topic.configs = [
                "cleanup.policy": "compact", "compression.type": "producer",
                "segment.bytes": String(settings.committedOffsetsSegmentSizeInBytes),
            ]
        }
        return topic
    }
}
