import ClusterModel

/// Where the replicas of new partitions go: as in Apache Kafka, leaders go round all brokers, the other replicas of a
/// partition are spread so that the followers of one leader are on different brokers, and where all brokers name their
/// rack, replicas of a partition are in as many racks as there can be (KIP-36). The same numbers give the same places.
package enum ReplicaPlacement {
    /// More replicas were asked for than brokers live.
    package struct NotEnoughBrokers: Error, Sendable, Equatable {
        package var living: Int

        package init(living: Int) { self.living = living }
    }

    /// - Parameters:
    ///   - partitions: how many to place.
    ///   - replicas: of each; at least 1.
    ///   - brokers: the living ones with their racks. Racks count only when every broker has one.
    ///   - first: the number of the first partition to place, when a topic grows; the spread goes on from there.
    ///   - start: any number: which broker leads the first partition.
    ///   - shift: any number: how far its followers are from it.
    /// - Returns: indexed by partition, counted from `first`.
    package static func assign(
        partitions: Int, replicas: Int, brokers: [BrokerID: String?], first: Int = 0, start: Int, shift: Int
    ) throws(NotEnoughBrokers) -> [[BrokerID]] {
        precondition(partitions >= 0 && replicas >= 1, "\(partitions) partitions, \(replicas) replicas")
        guard replicas <= brokers.count else { throw NotEnoughBrokers(living: brokers.count) }
        let racks = brokers.compactMapValues { $0 }
        let count = brokers.count
        let order = racks.count == count ? alternating(racks) : brokers.keys.sorted()
        let rackCount = racks.count == count ? Set(racks.values).count : 1
        var assignment: [[BrokerID]] = []
        var distance = wrapped(shift, count)
        for partition in first..<first + partitions {
            // After each round the followers move on, so that a leader's load falls on others when it dies.
            if partition > 0, partition % count == 0 { distance += 1 }
            let leader = (wrapped(start, count) + partition) % count
            var chosen = [order[leader]]
            var racksChosen: Set<String?> = [racks[chosen[0]]]
            var step = 0
            while chosen.count < replicas {
                let broker = order[(leader + 1 + (distance * rackCount + step) % (count - 1)) % count]
                step += 1
                // As long as there are racks without a replica, one of theirs is wanted.
                let isInOldRack = racksChosen.contains(racks[broker]) && racksChosen.count < rackCount
                guard !isInOldRack, !chosen.contains(broker) else { continue }
                chosen.append(broker)
                racksChosen.insert(racks[broker])
            }
            assignment.append(chosen)
        }
        return assignment
    }

    /// Brokers in an order that changes rack with every step, as long as it can.
    private static func alternating(_ racks: [BrokerID: String]) -> [BrokerID] {
        var byRack: [String: [BrokerID]] = [:]
        for (broker, rack) in racks { byRack[rack, default: []].append(broker) }
        let columns = byRack.sorted { $0.key < $1.key }.map { $0.value.sorted() }
        var order: [BrokerID] = []
        for row in 0..<(columns.map(\.count).max() ?? 0) {
            for column in columns where row < column.count { order.append(column[row]) }
        }
        return order
    }

    private static func wrapped(_ number: Int, _ count: Int) -> Int { ((number % count) + count) % count }
}
