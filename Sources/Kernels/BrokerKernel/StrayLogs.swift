import ClusterModel
import Controller
import SegmentedLog

extension BrokerKernel {
    /// Deletes logs that lie here and belong here no more: of topics that were deleted, and of partitions that moved
    /// away, while this broker was not there to see it. Once, with the first image.
    ///
    /// A topic that is only absent is no reason: its tree may have been restored from an older backup, and the log be
    /// the last there is. Topic ids that the controller wrote down as deleted are one, and so is another topic of the
    /// name.
    mutating func dropStrayLogs() {
        guard !hasLookedForStrayLogs else { return }
        hasLookedForStrayLogs = true
        for (name, id) in logStore.topicIDs.sorted(by: { $0.key < $1.key }) {
            if isGone(name, id) {
                perform(.note("the log of \(name) is deleted: its topic or its replica here was, in the meantime"))
                deleteLog(of: name)
            } else if image.topics[name.topic] == nil {
                perform(.report("the log of \(name) belongs to no topic of the cluster, and is left as it is"))
            }
        }
    }

    private func isGone(_ name: TopicPartition, _ id: KafkaUUID) -> Bool {
        // A mirror topic that was deleted and made anew has the id of its source again.
        if image.deletedTopics[id] != nil, image.topics[name.topic]?.id != id { return true }
        guard let topic = image.topics[name.topic], topic.id != .zero else { return false }
        if topic.id != id { return true }
        return topic.partitions.indices.contains(Int(name.partition))
            && !topic.places(name.partition, on: settings.brokerID)
    }

    mutating func deleteLog(of name: TopicPartition) {
        let uniqueID = KafkaUUID.random(using: &generator)
        _ = onLog { [logStore, now] () throws(LogFailure) in
            try logStore.delete(name, uniqueID: uniqueID, at: now)
        }
    }
}
