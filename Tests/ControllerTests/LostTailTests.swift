import ClusterModel
import Controller
import Testing

@Suite struct LostTailTests {
    /// One topic, with a partition for each given state; all replicas are on brokers 1 to 3.
    private func image(_ states: [(leader: Int32?, isr: [Int32])]) -> ClusterImage {
        var image = ClusterImage()
        let partitions = states.map { state in
            var partition = PartitionImage(replicas: [1, 2, 3].map { BrokerID($0) })
            partition.setState(
                PartitionState(
                    leader: state.leader.map { BrokerID($0) }, leaderEpoch: 4, isr: state.isr.map { BrokerID($0) },
                    controllerEpoch: 1),
                version: 9)
            return partition
        }
        image.setTopic("t", TopicImage(id: KafkaUUID(high: 1, low: 1), partitions: partitions))
        return image
    }

    /// What broker 1 writes into the only partition's state.
    private func written(_ leader: Int32?, _ isr: [Int32]) throws -> PartitionState {
        let transactions = LostTail.transactions(of: BrokerID(1), in: image([(leader, isr)]))
        guard transactions.count == 1, case .set(_, let data, let version)? = transactions[0].transaction.writes.first
        else {
            Issue.record("not one write")
            return PartitionState(leader: nil, leaderEpoch: -1, isr: [], controllerEpoch: -1)
        }
        #expect(version == 9)
        return try PartitionState(parsing: data)
    }

    @Test func itLeavesWhereOthersRemain() throws {
        let state = try written(2, [1, 2])
        #expect(state.isr == [BrokerID(2)])
        #expect(state.leader == BrokerID(2))
        #expect(state.leaderEpoch == 4)
    }

    @Test func itGivesUpWhatItLed() throws {
        let state = try written(1, [1, 3])
        #expect(state.isr == [BrokerID(3)])
        #expect(state.leader == nil)
        #expect(state.leaderEpoch == 5)
    }

    @Test func aloneItStaysAndLeadsInANewEpoch() throws {
        let state = try written(1, [1])
        #expect(state.isr == [BrokerID(1)])
        #expect(state.leader == nil)
        #expect(state.leaderEpoch == 5)
    }

    @Test("A state that it is not in is written as it is, so that nobody adds it for what it had")
    func itTouchesTheOtherStates() throws {
        let state = try written(2, [2, 3])
        #expect(state.isr == [2, 3].map { BrokerID($0) })
        #expect(state.leaderEpoch == 4)
    }

    @Test func itWritesManyInFewTransactions() {
        let transactions = LostTail.transactions(
            of: BrokerID(1), in: image(Array(repeating: (leader: 2, isr: [1, 2]), count: 1201)))
        #expect(transactions.map(\.partitions.count) == [500, 500, 201])
        #expect(transactions.map(\.transaction.writes.count) == [500, 500, 201])
        #expect(
            LostTail.transactions(of: BrokerID(4), in: image([(leader: 2, isr: [1, 2])])).isEmpty,
            "it has no replica")
    }

    @Test func whatIsDoneIsLeftOut() {
        let transactions = LostTail.transactions(
            of: BrokerID(1), in: image([(leader: 2, isr: [1, 2]), (leader: 2, isr: [1, 2])]),
            where: { $0.partition == 1 })
        #expect(transactions.map(\.partitions) == [[TopicPartition(topic: "t", partition: 1)]])
    }
}
