import ClusterModel
import Groups
import KafkaProtocol
import NIOCore
import Records
import Seams
import Security
import SegmentedLog

/// The groups this broker coordinates: one registry for each partition of `__consumer_offsets` that it leads.
struct GroupCoordinators {
    /// By partition. A registry is here exactly while its partition is led and its log has been replayed.
    fileprivate(set) var registries: [Int32: GroupRegistry] = [:]
    /// By partition: registries that will be here when they know all that their logs hold.
    var loading: [Int32: GroupLoading] = [:]
    /// The topics that registries were told of last.
    fileprivate var catalog = TopicCatalog()
    /// What to do with the answers that registries still owe.
    fileprivate var awaited: [GroupTicket: (inout BrokerKernel, GroupReply) -> Void] = [:]
    private var lastTicket: UInt64 = 0

    var nextDeadline: Instant {
        if let begun = loading.values.lazy.map(\.begun).min() { return begun }
        return registries.values.lazy.map(\.nextDeadline).min() ?? .never
    }

    fileprivate mutating func newTicket() -> GroupTicket {
        lastTicket += 1
        return GroupTicket(lastTicket)
    }
}

extension BrokerKernel {
    // MARK: - Where a group lives

    /// The partition of `__consumer_offsets` that holds `group`, if this broker coordinates it and has loaded it.
    func coordinatedPartition(of group: String) -> Int32? {
        partition(of: group).flatMap { groups.registries[$0] == nil ? nil : $0 }
    }

    /// The partition that holds `group` here, for somebody who may do that with the group; else what is to be said.
    mutating func coordinated(
        _ group: String, _ request: Request, _ operation: AccessOperation
    ) -> Result<Int32, ErrorCode> {
        guard permits(request, operation, .group, group) else { return .failure(.groupAuthorizationFailed) }
        return coordinatedPartition(of: group).map { .success($0) } ?? .failure(refusal(of: group))
    }

    /// What is to be said of a group for which there is no ``coordinatedPartition(of:)``.
    func refusal(of group: String) -> ErrorCode {
        let isLoading = partition(of: group).map { groups.loading[$0] != nil } ?? false
        return isLoading ? .coordinatorLoadInProgress : .notCoordinator
    }

    private func partition(of group: String) -> Int32? {
        guard let topic = image.topics[InternalTopics.committedOffsets], !topic.partitions.isEmpty else { return nil }
        return GroupPlacement.partition(of: group, among: Int32(topic.partitions.count))
    }

    // MARK: - Asking a registry

    /// Has the registry of `partition` decide on an event of one request, and gives its answer to `answer`, perhaps
    /// later.
    mutating func ask(
        _ partition: Int32, _ event: (GroupTicket) -> GroupEvent,
        answer: @escaping (inout BrokerKernel, GroupReply) -> Void
    ) {
        let ticket = groups.newTicket()
        groups.awaited[ticket] = answer
        decide(event(ticket), in: partition)
    }

    /// Lets time pass for the registries whose deadline has come.
    mutating func tickGroups() {
        for (partition, registry) in groups.registries.sorted(by: { $0.key < $1.key })
        where registry.nextDeadline <= now {
            decide(.tick, in: partition)
        }
    }

    /// Tells all registries what the image shows now of topics that came, changed or went.
    mutating func tellGroups(ofTopics names: [String]) {
        let seen = groups.catalog.version
        for name in names {
            groups.catalog[name] = image.topics[name].flatMap { topic in
                guard topic.id != .zero, !topic.partitions.isEmpty else { return nil }
                return CatalogedTopic(id: topic.id, partitionCount: Int32(topic.partitions.count))
            }
        }
        guard groups.catalog.version != seen else { return }
        for partition in groups.registries.keys.sorted() { decide(.topicsChanged(groups.catalog), in: partition) }
    }

    /// Tells all registries that topics are gone.
    mutating func forgetInGroups(_ topics: [String]) {
        guard !topics.isEmpty else { return }
        for partition in groups.registries.keys.sorted() { decide(.topicsDeleted(Set(topics)), in: partition) }
        for partition in groups.loading.keys { groups.loading[partition]?.noteDeletion(of: topics) }
    }

    private mutating func decide(_ event: GroupEvent, in partition: Int32) {
        guard let place = groups.registries.index(forKey: partition) else { return }
        let decision = groups.registries.values[place].decide(event, at: now)
        var effects: [GroupEffect] = []
        if !decision.records.isEmpty {
            guard store(decision.records, in: partition) else { return }
            for record in decision.records { groups.registries.values[place].apply(record, into: &effects) }
        }
        for effect in effects + decision.effects {
            switch effect {
            case .reply(let ticket, let reply):
                guard let answer = groups.awaited.removeValue(forKey: ticket) else {
                    preconditionFailure("a registry answered \(ticket) twice")
                }
                speak(reply, of: partition, by: answer)
            case .report(let group, let text): perform(.note("group \(group): \(text)"))
            }
        }
    }

    /// Gives an answer once all that the registry could have known is committed: what it knows from a record that a
    /// successor may not have must not be told. A heartbeat's answer tells nothing of records.
    private mutating func speak(
        _ reply: GroupReply, of index: Int32, by answer: @escaping (inout BrokerKernel, GroupReply) -> Void
    ) {
        if case .heartbeat = reply { return answer(&self, reply) }
        whenGroupsCommitted(index) { kernel, outcome in
            switch outcome {
            case .committed: answer(&kernel, reply)
            case .deposed: answer(&kernel, reply.refused(.notCoordinator))
            case .late: answer(&kernel, reply.refused(reply.errorWhenLate))
            }
        }
    }

    /// Goes on with `speak` once all that the registry of a partition knows now is committed, or when it is known that
    /// this will not be known in `offsets.commit.timeout.ms`.
    mutating func whenGroupsCommitted(
        _ index: Int32, _ speak: @escaping (inout BrokerKernel, CommitOutcome) -> Void
    ) {
        let name = TopicPartition(topic: InternalTopics.committedOffsets, partition: index)
        guard let partition = partitions[name] else { preconditionFailure("\(name) has groups and is not here") }
        whenCommitted(partition, by: now + settings.groups.commitTimeout, speak)
    }

    /// Appends the records to the partition's log, in one batch if they fit into one: a part of a decision is a decision,
    /// too, from which the next one goes on. False when the disk failed: then nothing of them may be told.
    private mutating func store(_ records: [GroupRecord], in index: Int32) -> Bool {
        let name = TopicPartition(topic: InternalTopics.committedOffsets, partition: index)
        guard let partition = partitions[name] else { preconditionFailure("\(name) has groups and is not here") }
        let limit = min(partition.log.settings.segmentSizeInBytes, partition.log.settings.maxBatchSizeInBytes)
        var builder = RecordBatchBuilder()
        for record in records {
            guard let (key, value) = record.encoded() else { continue }
            let growth = key.readableBytes + (value?.readableBytes ?? 0) + Self.roomForLengths
            if !builder.isEmpty, builder.sizeInBytes + growth > limit {
                guard store(builder.finish(), in: partition) else { return false }
            }
            builder.append(timestamp: now.unixMilliseconds, key: key, value: value)
        }
        return builder.isEmpty || store(builder.finish(), in: partition)
    }

    /// More than what a record has besides its key and value.
    private static let roomForLengths = 32

    private mutating func store(_ batch: ByteBuffer, in partition: Partition) -> Bool {
        switch append(batch, to: partition, origin: .broker) {
        case .appended: return true
        case nil: return false
        case .duplicate, .refused:
            perform(.stop(reason: "\(partition.name) does not take the records of its groups"))
            return false
        }
    }

    // MARK: - Gaining and losing partitions

    /// Follows a change in who leads a partition of `__consumer_offsets`.
    mutating func groupsLeadershipChanged(_ partition: Partition) {
        let index = partition.name.partition
        if !partition.isLeader {
            // What its registry says from now on is that it knows nothing.
            decide(.deposed, in: index)
            groups.registries[index] = nil
            groups.loading[index] = nil
        } else if groups.registries[index] == nil && groups.loading[index] == nil {
            beginLoadingGroups(of: partition)
        }
    }

    /// Lets a registry speak that knows all that its log holds.
    mutating func takeUp(_ registry: GroupRegistry, of index: Int32, without deletedTopics: Set<String>) {
        groups.registries[index] = registry
        decide(.topicsChanged(groups.catalog), in: index)
        decide(.loaded, in: index)
        if !deletedTopics.isEmpty { decide(.topicsDeleted(deletedTopics), in: index) }
    }
}
