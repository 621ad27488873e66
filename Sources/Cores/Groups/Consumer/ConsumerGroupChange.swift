import ClusterModel
import KafkaProtocolGroups
import Seams

/// A change of a group of the new protocol under way: the group as its records so far make it. Nothing of it counts
/// before the records are appended, all at once.
struct ConsumerGroupChange {
    let id: String
    private(set) var group: ConsumerGroup
    private(set) var records: [GroupRecord]

    init(id: String, group: ConsumerGroup) {
        self.id = id
        self.group = group
        records = []
    }

    /// Begins a group in the place of a classic one that is empty, or of none. Offsets stay what they are.
    init(id: String, replacing classic: StoredGroup?) {
        self.init(id: id, group: ConsumerGroup())
        if classic != nil { records.append(.groupForgotten(id)) }
    }

    func append(to step: inout GroupStep) { for record in records { step.append(record) } }

    mutating func append(_ record: ConsumerGroupRecord) {
        group.apply(record)
        records.append(.consumerGroup(id, record))
    }

    // MARK: - Members

    mutating func keep(_ member: ConsumerMember, _ memberID: String) {
        if group.members[memberID] != member { append(.member(memberID, member)) }
    }

    mutating func keep(_ standing: MemberStanding, of memberID: String) {
        if group.standings[memberID] != standing { append(.standing(memberID, standing)) }
    }

    /// Gives a static member that comes back its new id. What it was to read it is to read again (KIP-345).
    mutating func replace(_ oldID: String, by newID: String) {
        guard let member = group.members[oldID] else { return }
        let target = group.target(of: oldID)
        var standing = group.standing(of: oldID)
        standing.epoch = 0
        standing.previousEpoch = 0
        forgetMember(oldID)
        append(.member(newID, member))
        append(.target(newID, target))
        append(.standing(newID, standing))
    }

    mutating func remove(_ memberIDs: [String], _ catalog: TopicCatalog) {
        for memberID in memberIDs { forgetMember(memberID) }
        forgetUnusedPatterns()
        followTopics(catalog)
        raiseEpoch()
    }

    private mutating func forgetMember(_ memberID: String) {
        append(.standing(memberID, nil))
        append(.target(memberID, nil))
        append(.member(memberID, nil))
    }

    /// Takes the group back as a whole, in the order in which Apache Kafka does.
    mutating func forgetGroup() {
        let known = Set(group.members.keys).union(group.targets.keys).union(group.standings.keys)
        for memberID in known.sorted() { forgetMember(memberID) }
        for pattern in group.patterns.keys.sorted() { append(.pattern(pattern, nil)) }
        append(.assignmentEpoch(nil))
        append(.topics(nil))
        append(.epoch(nil))
    }

    // MARK: - Epochs

    mutating func raiseEpoch() { append(.epoch((group.epoch ?? 0) + 1)) }

    /// Looks up what the members' expressions stand for.
    ///
    /// - Parameters:
    ///   - hidden: topics that who asks may not know of.
    ///   - again: whether those are looked up, too, that were before.
    /// - Returns: whether any stands for something else than before.
    mutating func resolvePatterns(
        _ catalog: TopicCatalog, hidden: Set<String>, again: Bool, at now: Instant
    ) -> Bool {
        var hasChanged = false
        for pattern in Set(group.members.values.compactMap(\.pattern)).sorted()
        where again || group.patterns[pattern] == nil {
            let matcher = TopicPattern(pattern)
            let topics = catalog.topics.keys.filter { matcher?.matches($0) ?? false && !hidden.contains($0) }.sorted()
            guard group.patterns[pattern]?.topics != topics else { continue }
            let resolved = ResolvedPattern(
                topics: topics, version: catalog.version, resolvedAt: now.unixMilliseconds)
            append(.pattern(pattern, resolved))
            hasChanged = true
        }
        return hasChanged
    }

    mutating func forgetUnusedPatterns() {
        let used = Set(group.members.values.compactMap(\.pattern))
        for pattern in group.patterns.keys.sorted() where !used.contains(pattern) { append(.pattern(pattern, nil)) }
    }

    /// Takes down the topics that members read as they are now.
    ///
    /// - Returns: whether any of them came, went or grew.
    @discardableResult
    mutating func followTopics(_ catalog: TopicCatalog) -> Bool {
        var topics: [String: CatalogedTopic] = [:]
        for name in group.subscribedTopics { topics[name] = catalog[name] }
        guard topics != group.topics else { return false }
        append(.topics(topics))
        return true
    }

    // MARK: - The target

    /// Whether the epoch has grown since the partitions were divided.
    var isBehind: Bool { group.epoch ?? 0 > group.assignmentEpoch }

    mutating func assign(by assignor: PartitionAssignor) {
        let members = group.members.map { memberID, member in
            AssignmentTask.Member(
                id: memberID, instanceID: member.instanceID,
                topics: Set(group.subscribedTopics(of: member).compactMap { group.topics[$0]?.id }),
                previous: group.target(of: memberID))
        }
        let counts = Dictionary(uniqueKeysWithValues: group.topics.values.map { ($0.id, $0.partitionCount) })
        let targets = assignor.assign(AssignmentTask(members, partitionCounts: counts))
        for (memberID, target) in targets.sorted(by: { $0.key < $1.key }) where target != group.target(of: memberID) {
            append(.target(memberID, target))
        }
        append(.assignmentEpoch(group.epoch))
    }
}
