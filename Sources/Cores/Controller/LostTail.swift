import ClusterModel

/// What a broker writes before it registers when its logs may have lost their ends: its machine lost power, or its
/// disk was replaced.
///
/// Records that all in sync had were acknowledged; the others still have them, and this broker may not. So it takes
/// itself out of the in-sync sets in which others remain, dead ones too, and gives up what it led. It writes the states
/// of its other partitions as they are: an expansion that its leader asked for on account of what this broker's last
/// process had is refused then, for the state's version is another.
///
/// Alone in an in-sync set it stays there: nobody is known to have more. That it led is forgotten, so that it leads in a
/// new epoch, and no two records of one epoch have the same offset.
package enum LostTail {
    /// States in one transaction: keeps messages far below the coordinator's limit of 1 MiB.
    private static let statesInTransaction = 500

    /// The writes, of which each transaction may fail by itself: then its partitions are to be looked at in a newer
    /// image. None of the broker's registrations may be there any more.
    package static func transactions(
        of broker: BrokerID, in image: ClusterImage, where isLeft: (TopicPartition) -> Bool = { _ in true }
    ) -> [(partitions: [TopicPartition], transaction: TreeTransaction)] {
        var writes: [(TopicPartition, TreeWrite)] = []
        for name in image.topics.keys.sorted() {
            for (index, partition) in (image.topics[name]?.partitions ?? []).enumerated() {
                let id = TopicPartition(topic: name, partition: Int32(index))
                guard partition.replicas.contains(broker), let state = partition.state, isLeft(id) else { continue }
                let next = Self.state(after: state, without: broker)
                writes.append(
                    (id, .set(path: TreePath.state(of: id), data: next.text, version: partition.stateVersion)))
            }
        }
        return stride(from: 0, to: writes.count, by: statesInTransaction).map { start in
            let part = writes[start..<min(start + statesInTransaction, writes.count)]
            return (part.map(\.0), TreeTransaction(part.map(\.1)))
        }
    }

    private static func state(after state: PartitionState, without broker: BrokerID) -> PartitionState {
        var next = state
        let others = state.isr.filter { $0 != broker }
        if !others.isEmpty { next.isr = others }
        if state.leader == broker {
            next.leader = nil
            next.leaderEpoch += 1
        }
        return next
    }
}
