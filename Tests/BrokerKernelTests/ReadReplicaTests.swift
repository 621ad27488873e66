import ClusterModel
import Controller
import KafkaProtocol
import Testing

/// Consumers that read from a replica of their rack (KIP-392).
@Suite("Reading from the nearest replica")
struct ReadReplicaTests {
    @Test("A consumer is sent to the follower of its rack that is in sync and has most")
    func nearest() throws {
        let bench = try Self.bench()
        #expect(try bench.preferred(from: 1, rack: "west") == nil)
        try bench.acknowledge(1, by: 2)
        #expect(try bench.preferred(from: 1, rack: "west") == 2)
        try bench.acknowledge(3, by: 3)
        #expect(try bench.preferred(from: 1, rack: "west") == 3)
        // Broker 3 leaves the in-sync set for good.
        try bench.supersedeBroker(3)
        try bench.place("t", on: [1, 2, 3, 4], inSync: [1, 2, 4], leader: 1)
        for follower: Int32 in 2...4 { try bench.acknowledge(3, by: follower) }
        #expect(try bench.preferred(from: 1, rack: "west") == 2)
    }

    @Test("A consumer stays with the leader where that is as good, or no follower can serve it")
    func leader() throws {
        let bench = try Self.bench()
        for follower: Int32 in 2...4 { try bench.acknowledge(2, by: follower, logStart: 1) }
        #expect(try bench.preferred(from: 1, rack: "west") == 3)
        #expect(try bench.preferred(from: 1, rack: "") == nil)
        #expect(try bench.preferred(from: 1, rack: "east") == nil, "the leader's own rack")
        #expect(try bench.preferred(from: 1, rack: "moon") == nil)
        #expect(try bench.preferred(from: 0, rack: "west") == nil, "the followers' logs begin later")
        #expect(try bench.preferred(from: 3, rack: "west") == nil, "the followers' logs end earlier")
        #expect(try bench.preferred(from: 1, rack: "south") == nil, "it has no listener of that name")
        #expect(try bench.preferred(from: 1, rack: "west", version: 10) == nil)
        for broker: Int32 in 2...3 { try bench.removeBroker(broker) }
        #expect(try bench.preferred(from: 1, rack: "west") == nil)
    }

    @Test("Without the selector nobody is sent anywhere")
    func unset() throws {
        let bench = try Self.bench(isRackAware: false)
        for follower: Int32 in 2...3 { try bench.acknowledge(3, by: follower) }
        #expect(try bench.preferred(from: 1, rack: "west") == nil)
    }

    @Test("In a session the partition is told again as long as its consumer asks the leader")
    func session() throws {
        let bench = try Self.bench()
        for follower: Int32 in 2...3 { try bench.acknowledge(3, by: follower) }
        var fetch = bench.fetchRequest("t", from: 3, maxWait: 60_000)
        fetch.rackId = "west"
        fetch.sessionEpoch = 0
        fetch.sessionId = try bench.call(fetch).sessionId
        #expect(fetch.sessionId != 0)
        fetch.topics = []
        fetch.sessionEpoch = 1
        let told = try #require(try bench.call(fetch).responses.first?.partitions.first)
        #expect(told.preferredReadReplica == 3 && told.highWatermark == 0)
    }

    @Test("A follower hears at once of a high watermark that moves")
    func highWatermark() throws {
        let bench = try Self.bench()
        for follower: Int32 in 3...4 { try bench.acknowledge(3, by: follower) }
        var fetch = bench.replicaFetch("t", by: 2, from: 0)
        fetch.sessionEpoch = 0
        fetch.sessionId = try bench.call(fetch).sessionId
        fetch.sessionEpoch = 1
        fetch.topics[0].partitions[0].fetchOffset = 3
        let told = try #require(try bench.call(fetch).responses.first?.partitions.first)
        #expect(told.highWatermark == 3)
        fetch.topics = []
        fetch.sessionEpoch = 2
        #expect(try bench.reply(to: bench.send(fetch)) == nil, "there is nothing new")
    }

    @Test("A follower gives consumers what it knows to be committed, and makes them wait at its high watermark")
    func following() throws {
        let bench = try Self.followerBench()
        try bench.answerFetch([("t", leaderTells(batch(["a", "b", "c"]), highWatermark: 0))])
        #expect(try bench.values(in: "t") == [])
        try bench.answerFetch([("t", leaderTells(highWatermark: 3))])
        #expect(try bench.values(in: "t") == ["a", "b", "c"])

        let parked = try bench.send(bench.fetchRequest("t", from: 3, maxWait: 60_000))
        try bench.answerFetch([("t", leaderTells(batch(["d"], at: 3), highWatermark: 3))])
        #expect(try bench.reply(to: parked) == nil)
        try bench.answerFetch([("t", leaderTells(highWatermark: 4))])
        let told = try #require(try bench.reply(to: parked)?.responses.first?.partitions.first)
        #expect(try told.values() == ["d"])
        #expect(told.highWatermark == 4 && told.preferredReadReplica == -1)
    }

    @Test("A follower gives a committed reader nothing of a transaction that is not decided")
    func undecided() throws {
        let bench = try Self.followerBench()
        let undecided = batch(["x"], producer: 9, epoch: 0, sequence: 0, isTransactional: true)
        try bench.answerFetch([("t", leaderTells(undecided, highWatermark: 1))])
        #expect(try bench.values(in: "t") == ["x"])
        var fetch = bench.fetchRequest("t", from: 0, maxWait: 0)
        fetch.isolationLevel = 1
        let told = try #require(try bench.call(fetch).responses.first?.partitions.first)
        #expect(try told.values() == [])
        #expect(told.lastStableOffset == 0 && told.highWatermark == 1)
    }

    @Test("A follower refuses positions outside its log, other epochs, and who does not know of followers")
    func refusals() throws {
        let bench = try Self.followerBench()
        try bench.answerFetch([("t", leaderTells(batch(["a", "b"]), highWatermark: 1))])
        func error(_ fetch: FetchRequest, version: Int16? = nil) throws -> ErrorCode {
            .of(try #require(try bench.call(fetch, version: version).responses.first?.partitions.first).errorCode)
        }
        for outside in [Offset(-1), 3] {
            var fetch = bench.fetchRequest("t", from: outside)
            #expect(try error(fetch) == .notLeaderOrFollower)
            // As one that knows who leads, and asks the leader then (KIP-392).
            fetch.topics[0].partitions[0].currentLeaderEpoch = 1
            #expect(try error(fetch) == .offsetOutOfRange)
        }
        #expect(try error(bench.fetchRequest("t", from: 2, maxWait: 0)) == .none)
        #expect(try error(bench.fetchRequest("t", from: 0, maxWait: 0), version: 10) == .notLeaderOrFollower)
        #expect(try error(bench.replicaFetch("t", by: 3, from: 0)) == .notLeaderOrFollower)
        for (epoch, expected) in [
            (0, ErrorCode.fencedLeaderEpoch), (1, ErrorCode.none), (2, ErrorCode.unknownLeaderEpoch),
        ] {
            var fetch = bench.fetchRequest("t", from: 0, maxWait: 0)
            fetch.topics[0].partitions[0].currentLeaderEpoch = LeaderEpoch(epoch)
            #expect(try error(fetch) == expected)
        }
        var later = bench.fetchRequest("t", from: 1, maxWait: 0)
        later.topics[0].partitions[0].lastFetchedEpoch = 7
        #expect(try error(later) == .notLeaderOrFollower)
    }

    @Test("Who waits at a follower hears at once that another broker leads")
    func newLeader() throws {
        let bench = try Self.followerBench()
        let fetch = bench.fetchRequest("t", from: 0, maxWait: 60_000)
        var fenced = fetch
        fenced.topics[0].partitions[0].currentLeaderEpoch = 1
        let parked = try bench.send(fenced)
        #expect(try bench.reply(to: parked) == nil)
        try bench.place("t", on: [1, 2, 3], leader: 3)
        let told = try #require(try bench.reply(to: parked)?.responses.first?.partitions.first)
        #expect(ErrorCode.of(told.errorCode) == .fencedLeaderEpoch)
    }

    /// Broker 1 leads in the east with three records; 2 and 3 follow in the west, 4 in the south by another listener.
    private static func bench(isRackAware: Bool = true) throws -> BrokerBench {
        let bench = try BrokerBench { $0.sendsConsumersToTheirRack = isRackAware }
        try bench.changeImage { $0.brokers[BrokerBench.brokerID]?.rack = "east" }
        try bench.addBroker(2, rack: "west")
        try bench.addBroker(3, rack: "west")
        try bench.addBroker(4, rack: "south", listener: "INSIDE")
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2, 3, 4], leader: 1)
        try bench.produce(batch(["a", "b", "c"]), to: "t", acks: 1)
        return bench
    }

    /// Broker 2 leads in epoch 1, and this broker has asked it for the first time.
    private static func followerBench() throws -> BrokerBench {
        let bench = try BrokerBench { $0.sendsConsumersToTheirRack = true }
        bench.arePeersReachable = true
        try bench.addBroker(2, rack: "west")
        try bench.addBroker(3, rack: "west")
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2, 3], leader: 2)
        return bench
    }
}

extension BrokerBench {
    /// Notes what a follower of topic "t" has.
    fileprivate func acknowledge(_ offset: Offset, by follower: Int32, logStart: Offset = 0) throws {
        _ = try send(replicaFetch("t", by: follower, from: offset, logStart: logStart, maxWait: 0))
    }

    /// Where a consumer of topic "t" is sent; nil when it is to stay.
    fileprivate func preferred(from offset: Offset, rack: String, version: Int16? = nil) throws -> Int32? {
        var fetch = fetchRequest("t", from: offset, maxWait: 0)
        fetch.rackId = rack
        let told = try #require(try call(fetch, version: version).responses.first?.partitions.first)
        #expect(ErrorCode.of(told.errorCode) == .none)
        return told.preferredReadReplica < 0 ? nil : told.preferredReadReplica
    }
}
