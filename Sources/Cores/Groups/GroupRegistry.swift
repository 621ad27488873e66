import KafkaProtocol
import KafkaProtocolGroups
import Seams

/// The consumer groups of one partition of `__consumer_offsets`: members and rebalances of Apache Kafka's classic
/// protocol, members and assignments of its new one (KIP-848), and committed offsets. A name is a group of one of the two
/// at a time; an empty group becomes one of the other when a member of the other joins.
///
/// While records are replayed only ``hard`` grows. After `.loaded` members may speak; the groups that have members, or
/// had some, are then alive here, with all that a record does not say: who waits, and until when who may be silent.
/// Every request is answered once, at once or when its rebalance goes on, at the latest by `.deposed`.
package struct GroupRegistry: ReplicatedCore {
    package let settings: GroupSettings
    /// What the log says.
    package private(set) var hard = StoredGroups()
    /// Groups of the classic protocol.
    private var live: [String: LiveGroup] = [:]
    /// Of groups of the new protocol.
    private(set) var consumerSessions: [String: ConsumerSessions] = [:]
    private(set) var catalog = TopicCatalog()
    private var generator: any RandomNumberGenerator & Sendable
    private var nextRetentionCheck = Instant.never
    private var nextGroupDeadline = Instant.never

    /// - Parameter generator: draws the random parts of member ids; seeded in tests.
    package init(settings: GroupSettings, generator: any RandomNumberGenerator & Sendable) {
        self.settings = settings
        self.generator = generator
    }

    /// When the next `.tick` is due at the latest; far in the future before `.loaded`.
    package var nextDeadline: Instant { min(nextRetentionCheck, nextGroupDeadline) }

    package mutating func apply(_ record: GroupRecord, into effects: inout [GroupEffect]) { hard.apply(record) }

    package mutating func decide(_ event: GroupEvent, at now: Instant) -> Decision<GroupRecord, GroupEffect> {
        var step = GroupStep(now: now, settings: settings, generator: generator)
        switch event {
        case .loaded: load(&step)
        case .joinRequested(let request, let client): join(request, client, &step)
        case .syncRequested(let request, let ticket): sync(request, ticket, &step)
        case .heartbeatReceived(let request, let ticket): heartbeat(request, ticket, &step)
        case .leaveRequested(let request, let ticket): leave(request, ticket, &step)
        case .consumerHeartbeatReceived(let request, let client, let hidden):
            consumerHeartbeat(request, client, hidden: hidden, &step)
        case .commitRequested(let request, let version, let refused, let ticket):
            commit(request, version: version, refused: refused, ticket, &step)
        case .offsetDeletionRequested(let request, let refused, let ticket):
            deleteOffsets(request, refused: refused, ticket, &step)
        case .groupDeletionRequested(let groups, let ticket): deleteGroups(groups, ticket, &step)
        case .topicsChanged(let catalog): self.catalog = catalog
        case .topicsDeleted(let topics): forget(topics, &step)
        case .tick: expire(&step)
        case .deposed: refuseAllWaiting(&step)
        }
        generator = step.generator
        return step.decision
    }

    private mutating func load(_ step: inout GroupStep) {
        nextRetentionCheck = step.now + settings.retentionCheckInterval
        for (id, entry) in hard.entries.sorted(by: { $0.key < $1.key }) {
            if let group = entry.consumers {
                let sessions = ConsumerSessions(of: group, timeout: settings.consumer.sessionTimeout, at: step.now)
                changeConsumerSessions(of: id) { $0 = sessions }
            }
            guard let stored = entry.group else { continue }
            live[id] = LiveGroup(id: id, stored: stored, at: step.now)
            change(id, &step) { group, step in
                if group.members.count > step.settings.maximumSize {
                    group.rebalance("it has more members than allowed", &step)
                }
            }
        }
    }

    private mutating func expire(_ step: inout GroupStep) {
        if nextGroupDeadline <= step.now {
            for id in live.filter({ $0.value.nextDeadline <= step.now }).keys.sorted() {
                change(id, &step) { group, step in group.expire(&step) }
            }
            for id in consumerSessions.filter({ $0.value.nextDeadline <= step.now }).keys.sorted() {
                expireConsumers(of: id, &step)
            }
            nextGroupDeadline = min(
                live.values.lazy.map(\.nextDeadline).min() ?? .never,
                consumerSessions.values.lazy.map(\.nextDeadline).min() ?? .never)
        }
        if nextRetentionCheck <= step.now {
            nextRetentionCheck = step.now + settings.retentionCheckInterval
            forgetExpired(&step)
        }
    }

    private mutating func refuseAllWaiting(_ step: inout GroupStep) {
        for id in live.keys.sorted() {
            change(id, &step) { group, step in group.refuseAllWaiting(.notCoordinator, &step) }
        }
    }

    // MARK: - Groups of the new protocol

    func consumerGroup(_ group: String) -> ConsumerGroup? { hard.entries[group]?.consumers }

    mutating func changeConsumerSessions(of group: String, _ change: (inout ConsumerSessions) -> Void) {
        change(&consumerSessions[group, default: ConsumerSessions()])
        nextGroupDeadline = min(nextGroupDeadline, consumerSessions[group]?.nextDeadline ?? .never)
    }

    /// Takes a group of the new protocol back; its offsets stay.
    mutating func forgetConsumers(of group: String, _ step: inout GroupStep) {
        guard let present = consumerGroup(group) else { return }
        var change = ConsumerGroupChange(id: group, group: present)
        change.forgetGroup()
        change.append(to: &step)
        consumerSessions[group] = nil
    }

    // MARK: - Groups of the classic protocol that are alive

    func isLive(_ group: String) -> Bool { live[group] != nil }

    func exists(_ group: String) -> Bool { live[group] != nil || hard.entries[group] != nil }

    func liveGroup(_ group: String) -> LiveGroup? { live[group] }

    var liveGroupIDs: some Sequence<String> { live.keys }

    /// Makes a group without members, for somebody who is about to join it.
    mutating func revive(_ group: String, at now: Instant) { live[group] = LiveGroup(id: group, at: now) }

    mutating func forgetLive(_ group: String) { live[group] = nil }

    /// Changes a live group in place; one that is vacant afterwards is dropped.
    mutating func change(
        _ group: String, _ step: inout GroupStep, _ change: (inout LiveGroup, inout GroupStep) -> Void
    ) {
        guard let place = live.index(forKey: group) else { return }
        change(&live.values[place], &step)
        if live.values[place].isVacant {
            live.remove(at: place)
        } else {
            nextGroupDeadline = min(nextGroupDeadline, live.values[place].nextDeadline)
        }
    }
}
