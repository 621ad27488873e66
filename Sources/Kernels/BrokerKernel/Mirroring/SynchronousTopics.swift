import ClusterModel
import Controller
import Replication

/// Topics for which acks=all is answered only when another region has the records too.
extension BrokerKernel {
    /// Begins or ceases to wait for a link, as the topic's settings have it.
    ///
    /// When the topic's home moves away while answers are held back, whoever waits is not told that all is well: what the
    /// other region does not have is not kept.
    mutating func synchronize(_ partition: Partition, inNewEpoch: Bool) {
        guard partition.isLeader else { return }
        guard let wanted = partition.wantedLink else {
            guard partition.synchronousLink != nil else { return }
            partition.synchronousLink = nil
            return partition.standing.state == .ordinary
                ? releaseWaiters(of: partition) : abandonWaiters(of: partition)
        }
        if !inNewEpoch, partition.synchronousLink?.name == wanted.name {
            partition.synchronousLink?.limit = wanted.limit
        } else {
            partition.synchronousLink = SynchronousLink(
                wanted.name, limit: wanted.limit, highWatermark: partition.log.highWatermark, at: now)
        }
        schedule(partition)
    }

    /// Answers without the links of these partitions, which have not kept up.
    mutating func degrade(_ partitions: [Partition]) {
        for (link, names) in Self.byLink(partitions) {
            perform(
                .report(
                    "link \(link) does not keep up with \(names): acks=all is answered without the other region until "
                        + "it does"))
        }
        for partition in partitions { releaseWaiters(of: partition) }
    }

    /// Partitions of which all is confirmed again.
    mutating func noteKeepingUp(_ partitions: [Partition]) {
        for (link, names) in Self.byLink(partitions) {
            perform(.note("link \(link) keeps up with \(names) again: acks=all waits for the other region"))
        }
    }

    /// The links that partitions wait for, each with some of the partitions, for people.
    private static func byLink(_ partitions: [Partition]) -> [(link: String, names: String)] {
        var byLink: [String: [TopicPartition]] = [:]
        for partition in partitions {
            byLink[partition.synchronousLink?.name ?? "", default: []].append(partition.name)
        }
        return byLink.sorted { $0.key < $1.key }.map { link, names in
            let some = names.sorted().prefix(3).map(\.description).joined(separator: ", ")
            return (link, names.count > 3 ? "\(some) and \(names.count - 3) more" : some)
        }
    }
}
