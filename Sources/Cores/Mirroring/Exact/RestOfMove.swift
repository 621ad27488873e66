import ClusterModel

/// What a planned move waits for once the source is closed, as both sides' leaders say.
package struct RestOfMove: Sendable, Equatable {
    /// Topics whose promotion somebody has begun: nothing more is to come to them, whatever leaders say of their partitions
    /// that have not heard of it yet.
    package var begun: Set<String> = []
    /// Of the other topics the partitions that have not come yet, or whose leaders do not answer; in order.
    package var missing: [TopicPartition] = []

    /// - Parameters:
    ///   - partitions: of the topics that are to be moved, as the source has them.
    ///   - homeEpochs: of the topics as the mirrors that are to be promoted.
    ///   - source: those whose leaders have answered.
    ///   - target: the same at the target.
    package init(
        of partitions: [TopicPartition], link: String, homeEpochs: [String: Int32],
        source: [TopicPartition: PartitionStanding], target: [TopicPartition: PartitionStanding]
    ) {
        for partition in partitions {
            guard let standing = target[partition], let homeEpoch = homeEpochs[partition.topic] else { continue }
            if TopicPromotion.hasBegun(standing, link: link, homeEpoch: homeEpoch) { begun.insert(partition.topic) }
        }
        missing = partitions.filter { partition in
            if begun.contains(partition.topic) { return false }
            guard let source = source[partition], let target = target[partition] else { return true }
            return !TopicPromotion.isComplete(source: source, target: target)
        }
    }
}
