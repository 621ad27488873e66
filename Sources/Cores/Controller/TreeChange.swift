import ClusterModel
import Security

/// What an admin request, validated against a ``ClusterImage``, asks of the coordination tree.
///
/// Each is performed by conditional writes, all or nothing: what has changed since the image was taken makes it be
/// refused, never overwritten.
package enum TreeChange: Sendable, Equatable {
    /// `assignment` is indexed by partition; the first replica is the preferred leader.
    case createTopic(name: String, id: KafkaUUID, assignment: [[BrokerID]], configs: [String: String])
    /// Marks it for deletion; the controller deletes, and the topic leaves the image when it has.
    case deleteTopic(name: String)
    /// `assignment` is that of the new partitions alone, which follow the `existing` ones.
    case createPartitions(name: String, existing: Int, assignment: [[BrokerID]])
    /// Replaces all of the topic's own settings; only while they are `replacing`, if that is given.
    case setTopicConfigs(name: String, configs: [String: String], replacing: [String: String]? = nil)
    /// Replaces all settings of something else: `brokers/1`, `brokers/<default>`, `clients/…`, `users/…`, `ips/…`;
    /// likewise.
    case setConfigs(entity: String, configs: [String: String], replacing: [String: String]? = nil)
    /// Moves partitions of a topic, by their numbers, to other replicas (KIP-455); nil: back to where they were before
    /// the move under way.
    case reassign(topic: String, targets: [Int32: [BrokerID]?])
    /// Makes the first replica lead, or with `isUnclean` any that lives where nobody leads.
    case electLeader(TopicPartition, isUnclean: Bool)
    /// The leader's word on who is in sync with it (KIP-497). The leader, its epoch and the controller's stay as they
    /// are. Done only while the topic has that id, for one that was made anew counts epochs and versions from the start,
    /// the partition's leader epoch is `leaderEpoch` and its state node's version `stateVersion`, which the write raises
    /// by one; a newer image tells the leader when it was refused (`FENCED_LEADER_EPOCH`, `INVALID_UPDATE_VERSION`,
    /// `UNKNOWN_TOPIC_OR_PARTITION`). Never tried twice.
    case setInSync(
        TopicPartition, topicID: KafkaUUID, isr: [BrokerID], leaderEpoch: LeaderEpoch, stateVersion: Int32)
    /// Makes a mirror topic, or takes a topic's home a step further; done where it is so already.
    case alterMirror(MirrorAlteration)
    /// Changes nothing, and is done only while none of these topics has changed.
    case affirmHomes([HomeAffirmation])
    /// Adds rules about a pattern and takes others away; ``TreeOutcome/unchanged`` where it is so already.
    case alterAccess(ResourcePattern, adding: [AccessEntry], removing: [AccessEntry])
}

/// How a ``TreeChange`` went. The change itself shows in a later ``ClusterImage``.
package enum TreeOutcome: Sendable, Equatable {
    case done
    /// Nothing was to do.
    case unchanged
    /// `errorCode` is Apache Kafka's, for the reply.
    case refused(errorCode: Int16, message: String)
    /// The coordinator did not answer: whether the change happened is not known.
    case unavailable
}
