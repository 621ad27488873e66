import ClusterModel
import KafkaProtocol
import Testing

@Suite("Partitions that begin to be followed")
struct NewPartitionTests {
    @Test("A follower asks for a new partition while another fetch waits at the leader")
    func follower() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.createTopic("u")
        try bench.place("t", on: [1, 2], leader: 2)
        try bench.answerFetch([("t", leaderTells(highWatermark: 0))])
        #expect(bench.asked.count == 1)
        try bench.place("u", on: [1, 2], leader: 2)
        #expect(bench.asked.count == 2)
        try bench.answerFetch([])
        let second = try bench.askedFetch()
        let newcomer = try #require(bench.image.topics["u"]).id
        #expect(second.topics.map(\.topicId) == [newcomer])
        #expect(second.sessionEpoch == 2)
        #expect(bench.asked.count == 1, "one that waits is enough")
        try bench.answerFetch([("u", leaderTells(batch(["a"]), highWatermark: 1))])
        #expect(try bench.values(in: "u") == ["a"])
    }

    @Test("Records that a leader sends twice because two fetches were under way are taken once")
    func repetition() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.createTopic("u")
        try bench.place("t", on: [1, 2], leader: 2)
        try bench.answerFetch([("t", leaderTells(highWatermark: 0))])
        try bench.place("u", on: [1, 2], leader: 2)
        try bench.answerFetch([("t", leaderTells(batch(["a"]), highWatermark: 0))])
        try bench.answerFetch([("t", leaderTells(batch(["a"]), highWatermark: 1))])
        #expect(try bench.values(in: "t") == ["a"], "what the repetition tells of the high watermark counts")
        let next = try bench.askedFetch()
        let known = try #require(bench.image.topics["t"]).id
        #expect(next.topics.map(\.topicId) == [known])
        #expect(next.topics.first?.partitions.first?.fetchOffset == 1)
    }

    @Test("A broker that has registered anew repeats where it stands, which counts under its new registration only")
    func registeredAnew() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 2)
        try bench.answerFetch([("t", leaderTells(highWatermark: 0))])
        #expect(try bench.askedFetch().topics.isEmpty)
        let former = try bench.askedFetch().replicaState.replicaEpoch
        let registration = bench.image.brokers[BrokerBench.brokerID]
        try bench.changeImage { $0.brokers[BrokerBench.brokerID] = nil }
        try bench.changeImage { image in
            image.brokers[BrokerBench.brokerID] = registration
            image.brokers[BrokerBench.brokerID]?.epoch = former + 7
        }
        try bench.answerFetch([])
        let next = try bench.askedFetch()
        #expect(next.replicaState.replicaEpoch == former + 7)
        #expect(next.topics.map(\.topicId) == [try #require(bench.image.topics["t"]).id])
    }

    @Test("A fetch that the network brings after its follower has connected anew counts no more")
    func delayed() throws {
        let bench = try BrokerBench()
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 1)
        try bench.produce(batch(["a"]), to: "t", acks: 1)
        func position(_ offset: Offset, by connection: UInt64) throws -> Offset? {
            var fetch = bench.replicaFetch("t", by: 2, from: offset, maxWait: 0)
            fetch.sessionEpoch = 0
            _ = try bench.send(fetch, connection: connection)
            let partition = bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]
            return partition?.leadership?.progress(of: BrokerID(2))?.position
        }
        #expect(try position(0, by: 5) == 0)
        #expect(try position(1, by: 6) == 1)
        #expect(try position(0, by: 5) == 1)
        #expect(try position(0, by: 6) == 0)
    }

    @Test("A leader ends the fetch that waits when its follower has more to ask")
    func leader() throws {
        let bench = try BrokerBench()
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.createTopic("u")
        for topic in ["t", "u"] { try bench.place(topic, on: [1, 2], leader: 1) }
        var fetch = bench.replicaFetch("t", by: 2, from: 0, maxWait: 0)
        fetch.sessionEpoch = 0
        fetch.sessionId = try bench.call(fetch).sessionId
        fetch.topics = []
        fetch.maxWaitMs = 60_000
        fetch.sessionEpoch = 1
        let waiting = try bench.send(fetch)
        #expect(try bench.reply(to: waiting) == nil)
        fetch.topics = bench.replicaFetch("u", by: 2, from: 0).topics
        fetch.sessionEpoch = 2
        let next = try bench.send(fetch)
        let ended = try #require(try bench.reply(to: waiting))
        #expect(ended.errorCode == 0 && ended.responses.isEmpty)
        // The partition's first answer tells where its log begins, and then there is one in sync to wait for.
        let told = try #require(try bench.reply(to: next))
        #expect(told.responses.map(\.topicId) == fetch.topics.map(\.topicId))
    }

    @Test("Nobody ends what waits on another connection")
    func otherConnection() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        var fetch = bench.fetchRequest("t", from: 0, maxWait: 0)
        fetch.sessionEpoch = 0
        fetch.sessionId = try bench.call(fetch).sessionId
        fetch.maxWaitMs = 60_000
        fetch.sessionEpoch = 1
        let waiting = try bench.send(fetch)
        fetch.sessionEpoch = 7
        let other = try bench.send(fetch, connection: 2)
        #expect(ErrorCode.of(try #require(try bench.reply(to: other)).errorCode) == .invalidFetchSessionEpoch)
        #expect(try bench.reply(to: waiting) == nil)
    }
}
