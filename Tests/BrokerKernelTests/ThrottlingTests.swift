import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import Seams
import Testing

/// Replication that is slowed for the sake of others (KIP-73).
@Suite("Throttled replication")
struct ThrottlingTests {
    private static let kilobyte = String(repeating: "x", count: 1000)

    @Test("A leader gives a follower that is not in sync no more than the rate, and others all they want")
    func leader() throws {
        let bench = try Self.leaderBench(replicas: "0:1")
        #expect(try bench.given(to: 2, from: 0) == 1)
        try bench.produce(batch([Self.kilobyte]), to: "t", acks: 1)
        // About 1,070 bytes at 100 a second take 10.7 of the 11 seconds that count.
        #expect(try bench.given(to: 2, from: 1) == 0)
        #expect(try bench.given(to: 3, from: 1) == 1, "broker 3 is in sync")
        #expect(try bench.values(in: "t") == [Self.kilobyte], "a consumer is no follower")
        try bench.advance(milliseconds: 9_000)
        #expect(try bench.given(to: 2, from: 1) == 0)
        try bench.advance(milliseconds: 14_000)
        #expect(try bench.given(to: 2, from: 1) == 1)
    }

    @Test("A partition that is held back waits like one without news, and a position out of range does not")
    func parked() throws {
        let bench = try Self.leaderBench(replicas: "*")
        #expect(try bench.given(to: 2, from: 0) == 1)
        try bench.produce(batch([Self.kilobyte]), to: "t", acks: 1)
        let parked = try bench.send(bench.replicaFetch("t", by: 2, from: 1))
        #expect(try bench.reply(to: parked) == nil)
        try bench.advance(milliseconds: 500)
        let told = try #require(try bench.reply(to: parked)?.responses.first?.partitions.first)
        #expect(try told.values() == [] && told.errorCode == 0)
        let beyond = try bench.call(bench.replicaFetch("t", by: 2, from: 9))
        #expect(ErrorCode.of(beyond.responses.first?.partitions.first?.errorCode ?? 0) == .offsetOutOfRange)
    }

    @Test(
        "Only the replicas that are named are held back, and only while there is a rate", arguments: ["1:1", "0:2", ""])
    func others(replicas: String) throws {
        let bench = try Self.leaderBench(replicas: replicas)
        #expect(try bench.given(to: 2, from: 0) == 1)
        try bench.produce(batch([Self.kilobyte]), to: "t", acks: 1)
        #expect(try bench.given(to: 2, from: 1) == 1)
    }

    @Test("A rate that is taken back holds nothing back")
    func takenBack() throws {
        let bench = try Self.leaderBench(replicas: "0:1")
        #expect(try bench.given(to: 2, from: 0) == 1)
        try bench.produce(batch([Self.kilobyte]), to: "t", acks: 1)
        #expect(try bench.given(to: 2, from: 1) == 0)
        try bench.changeImage { $0.brokerConfigs[BrokerBench.brokerID] = nil }
        #expect(try bench.given(to: 2, from: 1) == 1)
    }

    @Test("A follower that is not in sync leaves a partition out of its fetches until it may go on")
    func follower() throws {
        let bench = try Self.followerBench(inSync: [2])
        try bench.answerFetch([("t", leaderTells(batch([Self.kilobyte]), highWatermark: 1))])
        #expect(try bench.askedFetch().topics.isEmpty)
        try bench.answerFetch([])
        #expect(try bench.askedFetch().forgottenTopicsData.map(\.partitions) == [[0]])
        try bench.answerFetch([])
        #expect(bench.asked.isEmpty, "there is nothing to ask for")
        #expect(bench.kernel.nextDeadline <= bench.now + .milliseconds(11_000))
        try bench.advance(milliseconds: 9_000)
        #expect(bench.asked.isEmpty)
        try bench.advance(milliseconds: 2_000)
        #expect(try bench.askedFetch().topics.first?.partitions.first?.fetchOffset == 1)
    }

    @Test("A follower in sync is not held back")
    func inSync() throws {
        let bench = try Self.followerBench(inSync: [1, 2])
        try bench.answerFetch([("t", leaderTells(batch([Self.kilobyte]), highWatermark: 1))])
        #expect(try bench.askedFetch().topics.first?.partitions.first?.fetchOffset == 1)
    }

    @Test(
        "Lists of replicas that make no sense are refused",
        arguments: ["1", "1:", ":1", "a:1", "1:1,", "1:-1", "*,1:1", "1:1:1", "1:99999999999"])
    func badLists(list: String) throws {
        let bench = try BrokerBench()
        for side in ["leader", "follower"] {
            let told = try bench.createTopic("t", configs: ["\(side).replication.throttled.replicas": list])
            #expect(ErrorCode.of(told.errorCode) == .invalidConfig)
            #expect(told.errorMessage?.contains("must be the literal '*' or a list of replicas") ?? false)
        }
        #expect(bench.image.topics["t"] == nil)
    }

    /// Broker 1 leads with one record of a kilobyte; broker 3 is in sync, broker 2 is not and stays so.
    private static func leaderBench(replicas: String) throws -> BrokerBench {
        let bench = try BrokerBench()
        for broker: Int32 in 2...3 { try bench.addBroker(broker) }
        try bench.supersedeBroker(2)
        try bench.createTopic("t", configs: ["leader.replication.throttled.replicas": replicas])
        try bench.place("t", on: [1, 2, 3], inSync: [1, 3], leader: 1)
        try bench.changeImage { $0.brokerConfigs[BrokerBench.brokerID] = ["leader.replication.throttled.rate": "100"] }
        try bench.produce(batch([kilobyte]), to: "t", acks: 1)
        return bench
    }

    /// Broker 2 leads, and this broker has asked it for the first time.
    private static func followerBench(inSync: [Int32]) throws -> BrokerBench {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t", configs: ["follower.replication.throttled.replicas": "0:1"])
        try bench.changeImage {
            $0.brokerConfigs[BrokerBench.brokerID] = ["follower.replication.throttled.rate": "100"]
        }
        try bench.place("t", on: [1, 2], inSync: inSync, leader: 2)
        return bench
    }
}

extension BrokerBench {
    /// How many records of topic "t" a follower gets.
    fileprivate func given(to follower: Int32, from offset: Offset) throws -> Int {
        let fetch = replicaFetch("t", by: follower, from: offset, maxWait: 0)
        return try #require(try call(fetch).responses.first?.partitions.first).values().count
    }
}
