import ClusterModel

/// What one partition of `__consumer_offsets` remembers: the replay of its records.
package struct StoredGroups: Sendable, Equatable {
    /// What is remembered of one group; never empty in every field.
    package struct Entry: Sendable, Equatable {
        /// nil for a group that only keeps offsets and has never had members, and for one of the new protocol.
        package fileprivate(set) var group: StoredGroup?
        /// The group as one of the new protocol; nil for any other.
        package fileprivate(set) var consumers: ConsumerGroup?
        package fileprivate(set) var offsets: [TopicPartition: CommittedOffset] = [:]
        /// Offsets that wait for the end of a transaction.
        package fileprivate(set) var undecided: [ProducerID: [TopicPartition: CommittedOffset]] = [:]

        fileprivate var isVoid: Bool { group == nil && consumers == nil && offsets.isEmpty && undecided.isEmpty }

        /// Whether a transaction under way may change the offset of `partition`.
        package func isUndecided(_ partition: TopicPartition) -> Bool {
            undecided.values.contains { $0[partition] != nil }
        }
    }

    package private(set) var entries: [String: Entry] = [:]

    package init() {}

    package mutating func apply(_ record: GroupRecord) {
        switch record {
        case .offsetCommitted(let group, let partition, let offset, nil):
            entries[group, default: Entry()].commit(offset, of: partition)
        case .offsetCommitted(let group, let partition, let offset, let producer?):
            entries[group, default: Entry()].undecided[producer, default: [:]][partition] = offset
        case .offsetForgotten(let group, let partition):
            change(group) { $0.offsets[partition] = nil }
        case .groupStored(let group, let stored):
            entries[group, default: Entry()].group = stored
        case .groupForgotten(let group):
            change(group) { $0.group = nil }
        case .consumerGroup(let group, let record):
            entries[group, default: Entry()].apply(record)
            change(group) { _ in }
        case .transactionEnded(let producer, let isCommitted):
            let groups = entries.filter { $0.value.undecided[producer] != nil }.map(\.key)
            for group in groups { change(group) { $0.decide(producer, isCommitted: isCommitted) } }
        }
    }

    private mutating func change(_ group: String, _ change: (inout Entry) -> Void) {
        guard let place = entries.index(forKey: group) else { return }
        change(&entries.values[place])
        if entries.values[place].isVoid { entries.remove(at: place) }
    }
}

extension StoredGroups.Entry {
    fileprivate mutating func apply(_ record: ConsumerGroupRecord) {
        if consumers == nil { consumers = ConsumerGroup() }
        consumers?.apply(record)
        if consumers?.isVoid == true { consumers = nil }
    }

    /// A commit outside of transactions is newer than what transactions under way have to say of its partition.
    fileprivate mutating func commit(_ offset: CommittedOffset, of partition: TopicPartition) {
        offsets[partition] = offset
        guard !undecided.isEmpty else { return }
        for producer in undecided.keys { undecided[producer]?[partition] = nil }
        undecided = undecided.filter { !$0.value.isEmpty }
    }

    fileprivate mutating func decide(_ producer: ProducerID, isCommitted: Bool) {
        guard let decided = undecided.removeValue(forKey: producer), isCommitted else { return }
        offsets.merge(decided) { _, newer in newer }
    }
}
