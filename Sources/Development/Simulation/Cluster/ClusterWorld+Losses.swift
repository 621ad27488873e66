import ClusterModel
import Controller

/// Which machines may forget what they were told, for nobody promises more.
extension ClusterWorld {
    /// Whether a machine may forget what it was told, for others remember. It counts for nothing then until it has
    /// caught up.
    func mayLose(_ broker: ClusterBroker, onlyWhatIsUnsynced: Bool) -> Bool {
        guard broker.isRunning, !brokers.contains(where: \.hasLostSomething) else { return false }
        for (topic, image) in tree.image.topics where !lossyTopics.contains(topic) {
            for (index, partition) in image.partitions.enumerated() {
                let name = TopicPartition(topic: topic, partition: Int32(index))
                let rest = partition.isr.filter { $0 != broker.id && has(self[$0], name) }
                if rest.isEmpty, !(onlyWhatIsUnsynced && isAloneAndDurable(broker, name, partition)) { return false }
                for lacking in brokers where lacking.isCatchingUp {
                    if partition.replicas.contains(lacking.id), !partition.isr.contains(lacking.id) { return false }
                }
            }
        }
        for other in brokers { other.isCatchingUp = false }
        broker.isCatchingUp = true
        return true
    }

    /// Whether a broker needs nobody to remember what a power cut takes from it.
    private func isAloneAndDurable(
        _ broker: ClusterBroker, _ name: TopicPartition, _ partition: PartitionImage
    ) -> Bool {
        guard partition.isr == [broker.id], let leader = broker.kernel?.partitions[name]?.leadership else {
            return false
        }
        return leader.term.inSync == [broker.id] && leader.term.epoch == partition.leaderEpoch && leader.isDurable
    }

    /// Whether a broker will be counted on for a partition in the next seconds.
    private func has(_ broker: ClusterBroker, _ name: TopicPartition) -> Bool {
        broker.isRunning && broker.isReachingTree && broker.pausedUntil == nil && broker.hasSoundDisks
            && broker.kernel?.partitions[name] != nil
    }
}
