import ClusterModel

/// A division under way: keep what was, give the rest to who has least, then move from who has most to who has least
/// while that makes them more equal.
struct UniformAssignment {
    private let task: AssignmentTask
    /// By topic, the places of the members that read it.
    private let readers: [KafkaUUID: [Int]]
    /// By place of a member.
    private var assigned: [PartitionSet]
    private var loads: [Int]

    init(_ task: AssignmentTask) {
        self.task = task
        var readers: [KafkaUUID: [Int]] = [:]
        for (place, member) in task.members.enumerated() {
            for topic in member.topics { readers[topic, default: []].append(place) }
        }
        self.readers = readers
        assigned = Array(repeating: PartitionSet(), count: task.members.count)
        loads = Array(repeating: 0, count: task.members.count)
    }

    mutating func assign() -> [String: PartitionSet] {
        let isSharedByAll = task.members.allSatisfy { $0.topics == task.members.first?.topics }
        let free = keepPrevious(limitedToShare: isSharedByAll)
        for (topic, partition) in free { give(partition, of: topic) }
        // Where all read the same, giving to who has least was all there is to do.
        if !isSharedByAll { level() }
        return Dictionary(uniqueKeysWithValues: zip(task.members.map(\.id), assigned))
    }

    // MARK: - Keeping

    /// Lets members keep what they had, up to their share.
    ///
    /// - Returns: what nobody has now, topics with few readers first, for they leave the least choice.
    private mutating func keepPrevious(limitedToShare: Bool) -> [(KafkaUUID, Int32)] {
        let total = task.partitionCounts.filter { readers[$0.key] != nil }.values.reduce(0) { $0 + Int($1) }
        let count = max(1, task.members.count)
        let share = limitedToShare ? total / count : .max
        // So many members may have one more than the share.
        var longer = limitedToShare ? total % count : 0
        var taken = PartitionSet()
        for (place, member) in task.members.enumerated() {
            for (topic, partitions) in member.previous.sorted where member.topics.contains(topic) {
                for partition in partitions
                where partition < task.partitionCounts[topic] ?? 0 && !taken.contains(partition, of: topic) {
                    if loads[place] >= share {
                        guard loads[place] == share, longer > 0 else { break }
                        longer -= 1
                    }
                    hold(partition, of: topic, at: place)
                    taken.insert(partition, of: topic)
                }
            }
        }
        let topics = task.partitionCounts.filter { readers[$0.key] != nil }.sorted {
            (readers[$0.key]?.count ?? 0, $0.key) < (readers[$1.key]?.count ?? 0, $1.key)
        }
        return topics.flatMap { topic, count in
            (0..<count).filter { !taken.contains($0, of: topic) }.map { (topic, $0) }
        }
    }

    // MARK: - Giving and moving

    private mutating func give(_ partition: Int32, of topic: KafkaUUID) {
        guard let place = leastLoaded(ofReadersOf: topic) else { return }
        hold(partition, of: topic, at: place)
    }

    private func leastLoaded(ofReadersOf topic: KafkaUUID) -> Int? {
        readers[topic]?.min { (loads[$0], $0) < (loads[$1], $1) }
    }

    private mutating func hold(_ partition: Int32, of topic: KafkaUUID, at place: Int) {
        assigned[place].insert(partition, of: topic)
        loads[place] += 1
    }

    /// Each move makes the sum of the loads' squares smaller, so that this ends.
    private mutating func level() {
        var hasMoved = true
        while hasMoved {
            hasMoved = false
            for place in loads.indices.sorted(by: { (loads[$1], $0) < (loads[$0], $1) }) {
                for (topic, partitions) in assigned[place].sorted.reversed() {
                    for partition in partitions.reversed() {
                        guard let other = leastLoaded(ofReadersOf: topic), loads[other] + 1 < loads[place] else {
                            break
                        }
                        assigned[place].remove(partition, of: topic)
                        loads[place] -= 1
                        hold(partition, of: topic, at: other)
                        hasMoved = true
                    }
                }
            }
        }
    }
}
