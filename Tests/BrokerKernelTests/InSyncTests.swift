import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import Testing

@Suite("Followers in sync")
struct InSyncTests {
    @Test("A follower that lost its log and registers anew is not in sync by what its earlier process had")
    func startedAnew() throws {
        let bench = try BrokerBench()
        for broker: Int32 in 2...3 { try bench.addBroker(broker) }
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2, 3], leader: 1)
        try bench.produce(batch(["a"]), to: "t", acks: 1)
        for follower: Int32 in 2...3 { try bench.follow(by: follower, from: 1) }
        // The leader sees in one look that the broker is another process and that it is taken out.
        try bench.changeImage { image in
            image.brokers[BrokerID(3)]?.epoch += 1
            image.updateTopic("t") { topic in
                let old = topic.partitions[0]
                let state = PartitionState(
                    leader: BrokerID(1), leaderEpoch: old.leaderEpoch, isr: [BrokerID(1), BrokerID(2)],
                    controllerEpoch: 1)
                topic.partitions[0].setState(state, version: old.stateVersion + 1)
            }
        }
        #expect(try bench.inSync() == [1, 2])
        try bench.follow(by: 3, from: 0, brokerEpoch: 301)
        #expect(try bench.inSync() == [1, 2])
        try bench.follow(by: 3, from: 1, brokerEpoch: 301)
        #expect(try bench.inSync() == [1, 2, 3])
    }
}

extension BrokerBench {
    fileprivate func follow(by follower: Int32, from offset: Offset, brokerEpoch: Int64? = nil) throws {
        var fetch = replicaFetch("t", by: follower, from: offset, maxWait: 0)
        if let brokerEpoch { fetch.replicaState.replicaEpoch = brokerEpoch }
        _ = try send(fetch)
    }

    fileprivate func inSync() throws -> [Int32] {
        try #require(image.partition(TopicPartition(topic: "t", partition: 0))).isr.map(\.value).sorted()
    }
}
