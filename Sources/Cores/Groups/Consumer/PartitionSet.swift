import ClusterModel

/// Partitions by the ids of their topics, as the new protocol names them. No topic is there with none.
package struct PartitionSet: Sendable, Equatable {
    package private(set) var byTopic: [KafkaUUID: Set<Int32>] = [:]

    package init() {}

    package init(_ topics: some Sequence<(KafkaUUID, some Sequence<Int32>)>) {
        for (topic, partitions) in topics {
            for partition in partitions { insert(partition, of: topic) }
        }
    }

    package var isEmpty: Bool { byTopic.isEmpty }

    package var count: Int { byTopic.values.reduce(0) { $0 + $1.count } }

    package func contains(_ partition: Int32, of topic: KafkaUUID) -> Bool {
        byTopic[topic]?.contains(partition) ?? false
    }

    /// By topic id, and of each topic by number.
    package var sorted: [(topic: KafkaUUID, partitions: [Int32])] {
        byTopic.sorted { $0.key < $1.key }.map { ($0.key, $0.value.sorted()) }
    }

    package mutating func insert(_ partition: Int32, of topic: KafkaUUID) {
        byTopic[topic, default: []].insert(partition)
    }

    package mutating func remove(_ partition: Int32, of topic: KafkaUUID) {
        byTopic[topic]?.remove(partition)
        if byTopic[topic]?.isEmpty == true { byTopic[topic] = nil }
    }

    package func union(_ other: PartitionSet) -> PartitionSet {
        var union = self
        union.byTopic.merge(other.byTopic) { $0.union($1) }
        return union
    }

    package func intersection(_ other: PartitionSet) -> PartitionSet {
        filter { other.contains($1, of: $0) }
    }

    package func subtracting(_ other: PartitionSet) -> PartitionSet {
        other.isEmpty ? self : filter { !other.contains($1, of: $0) }
    }

    package func isSubset(of other: PartitionSet) -> Bool {
        byTopic.allSatisfy { topic, partitions in partitions.isSubset(of: other.byTopic[topic] ?? []) }
    }

    package func isDisjoint(with other: PartitionSet) -> Bool {
        byTopic.allSatisfy { topic, partitions in partitions.isDisjoint(with: other.byTopic[topic] ?? []) }
    }

    package func filter(_ isWanted: (KafkaUUID, Int32) -> Bool) -> PartitionSet {
        var kept = PartitionSet()
        for (topic, partitions) in byTopic {
            let wanted = partitions.filter { isWanted(topic, $0) }
            if !wanted.isEmpty { kept.byTopic[topic] = wanted }
        }
        return kept
    }
}
