import ClusterModel

/// Which brokers can hold partitions, and which had better not.
package struct BrokerStanding: Sendable, Equatable {
    /// Registered.
    package var living: Set<BrokerID>
    /// Of the living: those about to stop, which should lead nothing and be waited for by nobody.
    package var leaving: Set<BrokerID>
    /// Replicas that brokers which live cannot serve.
    private var offline: [TopicPartition: Set<BrokerID>] = [:]
    /// Registered, and not counted as living because they cannot serve the partition that is looked at.
    private var failed: Set<BrokerID> = []

    package init(living: Set<BrokerID>, leaving: Set<BrokerID> = []) {
        self.living = living
        self.leaving = leaving
    }

    package init(_ image: ClusterImage) {
        living = Set(image.brokers.keys)
        leaving = Set(image.brokers.lazy.filter(\.value.isShuttingDown).map(\.key))
        for (id, broker) in image.brokers {
            for partition in broker.offlineReplicas { offline[partition, default: []].insert(id) }
        }
    }

    /// How brokers stand to one partition: as if those that cannot serve it did not live.
    package func serving(_ partition: TopicPartition) -> BrokerStanding {
        guard let missing = offline[partition] else { return self }
        var standing = BrokerStanding(living: living.subtracting(missing), leaving: leaving.subtracting(missing))
        standing.failed = missing
        return standing
    }

    package func isAlive(_ broker: BrokerID) -> Bool { living.contains(broker) }

    package func hasFailed(_ broker: BrokerID) -> Bool { failed.contains(broker) }

    package func stays(_ broker: BrokerID) -> Bool { living.contains(broker) && !leaving.contains(broker) }
}

extension ClusterImage {
    /// Whether `broker` cannot serve its replica of the partition: it is not registered, or its disk failed.
    package func isOffline(_ partition: TopicPartition, on broker: BrokerID) -> Bool {
        brokers[broker]?.offlineReplicas.contains(partition) ?? true
    }

    /// Whether the controller can do no more for `broker`, which is about to stop: nothing that another broker in sync
    /// could lead is led by it, and no in-sync set waits for it that others are in.
    package func isRelieved(_ broker: BrokerID) -> Bool {
        let standing = BrokerStanding(self)
        return topics.allSatisfy { name, topic in
            topicsBeingDeleted.contains(name)
                || topic.partitions.enumerated().allSatisfy { index, partition in
                    let brokers = standing.serving(TopicPartition(topic: name, partition: Int32(index)))
                    return !partition.isr.contains(broker)
                        || !partition.isr.contains {
                            $0 != broker && partition.replicas.contains($0) && brokers.stays($0)
                        }
                }
        }
    }
}
