import ClusterModel
import Controller
import Testing

@Suite struct ReplicaPlacementTests {
    private func brokers(_ count: Int32, racks: Int32? = nil) -> [BrokerID: String?] {
        Dictionary(uniqueKeysWithValues: (1...count).map { id in (BrokerID(id), racks.map { "r\(id % $0)" }) })
    }

    @Test(arguments: 1...6, [0, 1, 7, -3]) func leadersAndReplicasAreSpread(_ count: Int, start: Int) throws {
        let replicas = min(3, count)
        let assignment = try ReplicaPlacement.assign(
            partitions: 4 * count, replicas: replicas, brokers: brokers(Int32(count)), start: start, shift: start)
        var led: [BrokerID: Int] = [:]
        var held: [BrokerID: Int] = [:]
        for list in assignment {
            #expect(Set(list).count == replicas)
            led[list[0], default: 0] += 1
            for id in list { held[id, default: 0] += 1 }
        }
        #expect(led.values.allSatisfy { $0 == 4 } && led.count == count)
        #expect(held.values.allSatisfy { $0 == 4 * replicas })
    }

    @Test func replicasAreInDifferentRacks() throws {
        let all = brokers(6, racks: 3)
        for list in try ReplicaPlacement.assign(partitions: 12, replicas: 3, brokers: all, start: 2, shift: 1) {
            #expect(Set(list.map { all[$0] ?? nil }).count == 3)
        }
    }

    /// The example in Apache Kafka's description of the algorithm (KIP-36).
    @Test func racksAlternateAsInApacheKafka() throws {
        let racks = ["rack1", "rack3", "rack3", "rack2", "rack2", "rack1"]
        let all = Dictionary(uniqueKeysWithValues: racks.enumerated().map { (BrokerID(Int32($0)), Optional($1)) })
        let assignment = try ReplicaPlacement.assign(partitions: 7, replicas: 3, brokers: all, start: 0, shift: 0)
        #expect(
            assignment.map { $0.map(\.value) }
                == [[0, 3, 1], [3, 1, 5], [1, 5, 4], [5, 4, 2], [4, 2, 0], [2, 0, 3], [0, 4, 2]])
    }

    @Test func aTopicGrowsAsInApacheKafka() throws {
        let assignment = try ReplicaPlacement.assign(
            partitions: 3, replicas: 2, brokers: brokers(3), first: 2, start: 1, shift: 1)
        #expect(assignment.map { $0.map(\.value) } == [[1, 3], [2, 3], [3, 1]])
    }

    @Test func fewerBrokersThanReplicasIsRefused() {
        #expect(throws: ReplicaPlacement.NotEnoughBrokers(living: 2)) {
            try ReplicaPlacement.assign(partitions: 1, replicas: 3, brokers: brokers(2), start: 0, shift: 0)
        }
    }
}
