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

    @Test("The last that lives takes the dead out of the set at once, and has synced before it is alone")
    func followersDie() throws {
        let bench = try BrokerBench()
        for broker: Int32 in 2...3 { try bench.addBroker(broker) }
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2, 3], leader: 1)
        try bench.produce(batch(["a"]), to: "t", acks: 1)
        for follower: Int32 in 2...3 { try bench.follow(by: follower, from: 1) }
        bench.holdsDiskJobs = true
        try bench.removeBroker(2)
        #expect(try bench.inSync() == [1, 2, 3], "the controller's task while 3 lives")
        let waiting = try bench.send(bench.produceRequest(batch(["b"]), to: "t", 0, acks: -1))
        try bench.removeBroker(3)
        #expect(try bench.inSync() == [1, 2, 3], "what was promised is not on the disk yet")
        #expect(try bench.reply(to: waiting) == nil)
        try bench.performDiskJobs()
        #expect(try bench.inSync() == [1])
        let answer = try #require(try bench.reply(to: waiting))
        #expect(answer.responses.first?.partitionResponses.first?.errorCode == 0)
    }

    @Test("A new leader takes the dead one out of the set at once")
    func theLeaderDied() throws {
        let bench = try BrokerBench()
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 2)
        try bench.removeBroker(2)
        #expect(try bench.inSync() == [1, 2])
        try bench.place("t", on: [1, 2], leader: 1)
        #expect(try bench.inSync() == [1])
        #expect(try bench.produce(batch(["a"]), to: "t", acks: -1).errorCode == 0)
    }

    @Test("One that is back in time stays in sync, though what its earlier process said counts no more")
    func aFollowerIsBack() throws {
        let bench = try BrokerBench()
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 1)
        try bench.produce(batch(["a"]), to: "t", acks: 1)
        try bench.follow(by: 2, from: 1)
        try bench.produce(batch(["b"]), to: "t", acks: 1)
        try bench.follow(by: 2, from: 2)
        bench.holdsDiskJobs = true
        try bench.removeBroker(2)
        try bench.addBroker(2)
        try bench.performDiskJobs()
        #expect(try bench.inSync() == [1, 2])
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
