import ClusterModel

/// What an assignor is to divide, and among whom.
struct AssignmentTask {
    struct Member {
        var id: String
        var instanceID: String?
        /// What it reads; only topics of ``AssignmentTask/partitionCounts``.
        var topics: Set<KafkaUUID>
        /// What it was to have by the last assignment.
        var previous: PartitionSet

        /// Members are taken in this order, so that static ones keep their places when they come back.
        var place: (String, String) { (instanceID ?? id, id) }
    }

    /// In the order of ``Member/place``.
    let members: [Member]
    let partitionCounts: [KafkaUUID: Int32]

    init(_ members: [Member], partitionCounts: [KafkaUUID: Int32]) {
        self.members = members.sorted { $0.place < $1.place }
        self.partitionCounts = partitionCounts
    }
}

/// How the broker divides partitions among the members of a group of the new protocol: `group.consumer.assignors`.
///
/// Every partition that some member reads gets one member that reads it, always the same one for the same task.
package enum PartitionAssignor: String, Sendable, CaseIterable {
    /// As many for one as for another, and as few moves as possible.
    case uniform
    /// Of every topic a row of neighbours, the same rows of topics that the same members read.
    case range

    /// - Returns: by member id, for each member.
    func assign(_ task: AssignmentTask) -> [String: PartitionSet] {
        switch self {
        case .uniform:
            var assignment = UniformAssignment(task)
            return assignment.assign()
        case .range: return Self.ranges(task)
        }
    }

    private static func ranges(_ task: AssignmentTask) -> [String: PartitionSet] {
        var assigned: [String: PartitionSet] = [:]
        for member in task.members { assigned[member.id] = PartitionSet() }
        for (topic, count) in task.partitionCounts {
            let readers = task.members.filter { $0.topics.contains(topic) }
            guard !readers.isEmpty else { continue }
            let share = count / Int32(readers.count)
            let longer = Int(count) % readers.count
            var next: Int32 = 0
            for (place, reader) in readers.enumerated() {
                let end = next + share + (place < longer ? 1 : 0)
                for partition in next..<end {
                    assigned[reader.id, default: PartitionSet()].insert(partition, of: topic)
                }
                next = end
            }
        }
        return assigned
    }
}
