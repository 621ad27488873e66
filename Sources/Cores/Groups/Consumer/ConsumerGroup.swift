import ClusterModel

/// A group of the new protocol (KIP-848): the replay of its records.
///
/// Three things follow each other. A change of members, subscriptions or topics raises the group's **epoch**; the
/// **target** is what the assignor made of that epoch; each member's **standing** moves towards its target with the
/// member's heartbeats, in its own time. No partition is in the standings of two members at once.
///
/// A compacted log tells records in any order of their keys, so that a standing may come before its member.
package struct ConsumerGroup: Sendable, Equatable {
    /// nil in the midst of a replay, and of what is left when a log was compacted between the records that took a group back.
    package private(set) var epoch: Int32?
    package private(set) var topics: [String: CatalogedTopic] = [:]
    package private(set) var members: [String: ConsumerMember] = [:]
    /// 0 before the first assignment.
    package private(set) var assignmentEpoch: Int32 = 0
    package private(set) var targets: [String: PartitionSet] = [:]
    package private(set) var standings: [String: MemberStanding] = [:]
    package private(set) var patterns: [String: ResolvedPattern] = [:]
    /// The member ids of static members by their instance ids.
    package private(set) var staticMembers: [String: String] = [:]
    /// Whose standing holds a partition.
    private var holders: [KafkaUUID: [Int32: String]] = [:]

    package init() {}

    var isVoid: Bool {
        epoch == nil && assignmentEpoch == 0 && topics.isEmpty && members.isEmpty && targets.isEmpty
            && standings.isEmpty && patterns.isEmpty
    }

    package var state: ConsumerGroupState {
        if members.isEmpty { return .empty }
        if epoch ?? 0 > assignmentEpoch { return .assigning }
        return members.keys.allSatisfy { standing(of: $0).isReconciled(to: assignmentEpoch) } ? .stable : .reconciling
    }

    package func standing(of memberID: String) -> MemberStanding { standings[memberID] ?? MemberStanding() }

    package func target(of memberID: String) -> PartitionSet { targets[memberID] ?? PartitionSet() }

    /// Whether no standing holds a partition.
    func isFree(_ partition: Int32, of topic: KafkaUUID) -> Bool { holders[topic]?[partition] == nil }

    /// The topics that a member reads, whether they exist or not.
    func subscribedTopics(of member: ConsumerMember) -> Set<String> {
        Set(member.topics).union(member.pattern.flatMap { patterns[$0]?.topics } ?? [])
    }

    /// The topics that any member reads, whether they exist or not.
    var subscribedTopics: Set<String> {
        members.values.reduce(into: []) { $0.formUnion(subscribedTopics(of: $1)) }
    }

    func isSubscribed(to topic: String) -> Bool {
        members.values.contains { member in
            member.topics.contains(topic) || member.pattern.flatMap { patterns[$0]?.topics.contains(topic) } ?? false
        }
    }

    // MARK: - Records

    package mutating func apply(_ record: ConsumerGroupRecord) {
        switch record {
        case .epoch(let epoch): self.epoch = epoch
        case .topics(let topics): self.topics = topics ?? [:]
        case .member(let id, let member): keep(member, id)
        case .assignmentEpoch(let epoch): assignmentEpoch = epoch ?? 0
        case .target(let id, let target): targets[id] = target
        case .standing(let id, let standing): keep(standing, id)
        case .pattern(let pattern, let resolved): patterns[pattern] = resolved
        }
    }

    private mutating func keep(_ member: ConsumerMember?, _ id: String) {
        if let instanceID = members[id]?.instanceID, staticMembers[instanceID] == id {
            staticMembers[instanceID] = nil
        }
        if let instanceID = member?.instanceID { staticMembers[instanceID] = id }
        members[id] = member
    }

    private mutating func keep(_ standing: MemberStanding?, _ id: String) {
        if let old = standings[id] {
            for (topic, partitions) in old.held.byTopic {
                for partition in partitions where holders[topic]?[partition] == id {
                    holders[topic]?[partition] = nil
                }
                if holders[topic]?.isEmpty == true { holders[topic] = nil }
            }
        }
        for (topic, partitions) in standing?.held.byTopic ?? [:] {
            for partition in partitions { holders[topic, default: [:]][partition] = id }
        }
        standings[id] = standing
    }
}

/// What a group of the new protocol is shown as.
package enum ConsumerGroupState: String, Sendable {
    case empty = "Empty"
    /// The targets are of an older epoch.
    case assigning = "Assigning"
    /// Some member has not reached its target.
    case reconciling = "Reconciling"
    case stable = "Stable"
}

extension MemberStanding {
    /// All partitions that nobody else may read.
    var held: PartitionSet { assigned.union(revoking) }

    /// Whether the member has all it is to have by an assignment.
    func isReconciled(to assignmentEpoch: Int32) -> Bool { state == .stable && epoch == assignmentEpoch }
}
