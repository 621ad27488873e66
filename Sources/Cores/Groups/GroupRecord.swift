import ClusterModel

/// One change of what a partition of `__consumer_offsets` remembers.
package enum GroupRecord: Sendable, Equatable {
    /// With a producer, the offset counts only once that producer's transaction has committed.
    case offsetCommitted(group: String, TopicPartition, CommittedOffset, producer: ProducerID?)
    case offsetForgotten(group: String, TopicPartition)
    /// Of a group of the classic protocol.
    case groupStored(String, StoredGroup)
    case groupForgotten(String)
    case consumerGroup(String, ConsumerGroupRecord)
    /// What the control record at the end of a producer's transaction says.
    case transactionEnded(ProducerID, isCommitted: Bool)
}
