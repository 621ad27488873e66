import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Testing

@Suite("Topics whose writers wait for another region")
struct SynchronousTopicTests {
    private typealias Told = MirrorConfirmResponse.ConfirmedPartitionResult

    private static let settings = [Synchrony.linkKey: link, Synchrony.limitKey: "500"]

    private func synchronous(partitions: Int32 = 1) throws -> BrokerBench {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: partitions, configs: Self.settings)
        return bench
    }

    @discardableResult
    private func confirm(
        _ offset: Offset, of topic: String = "t", _ partition: Int32 = 0, leaderEpoch: LeaderEpoch? = nil,
        homeEpoch: Int32 = 0, link name: String = link, on bench: BrokerBench
    ) throws -> Told {
        let image = bench.image.topics[topic]
        var data = MirrorConfirmRequest.ConfirmedPartition()
        data.index = partition
        data.homeEpoch = homeEpoch
        data.leaderEpoch = leaderEpoch ?? image?.partitions[Int(partition)].leaderEpoch ?? 0
        data.confirmedOffset = offset
        var part = MirrorConfirmRequest.ConfirmedTopic()
        part.topicId = image?.id ?? KafkaUUID(high: 9, low: 9)
        part.partitions = [data]
        var request = MirrorConfirmRequest()
        request.linkName = name
        request.topics = [part]
        return try #require(try bench.call(request).topics.first?.partitions.first)
    }

    private func produce(
        _ value: String, on bench: BrokerBench, _ partition: Int32 = 0
    ) throws -> BrokerBench.Pending<ProduceRequest> {
        try bench.send(bench.produceRequest(batch([value]), to: "t", partition, acks: -1))
    }

    private func error(of pending: BrokerBench.Pending<ProduceRequest>, on bench: BrokerBench) throws -> ErrorCode? {
        try bench.reply(to: pending)?.responses.first?.partitionResponses.first.map { .of($0.errorCode) }
    }

    @Test("acks=all waits for the link, acks=1 and readers do not")
    func waiting() throws {
        let bench = try synchronous()
        let first = try produce("a", on: bench)
        let second = try produce("b", on: bench)
        #expect(try bench.produce(batch(["c"]), to: "t", acks: 1).errorCode == 0)
        #expect(try bench.values(in: "t") == ["a", "b", "c"])
        #expect(try error(of: first, on: bench) == nil)
        let told = try confirm(1, on: bench)
        #expect(told.errorCode == 0 && told.synchrony == Synchrony.synchronous.rawValue)
        #expect(try error(of: first, on: bench) == ErrorCode.none)
        #expect(try error(of: second, on: bench) == nil)
        let standing = try bench.describedMirror(partitions: [0]).partitions[0]
        #expect(standing.synchrony == Synchrony.synchronous.rawValue && standing.confirmedOffset == 1)
        try confirm(3, on: bench)
        #expect(try error(of: second, on: bench) == ErrorCode.none)
        // What both have already is answered at once.
        var again = batch(["d"], producer: 7, epoch: 0, sequence: 0)
        let once = try bench.send(bench.produceRequest(again, to: "t", 0, acks: -1))
        try confirm(4, on: bench)
        #expect(try error(of: once, on: bench) == ErrorCode.none)
        again = batch(["d"], producer: 7, epoch: 0, sequence: 0)
        #expect(try bench.produce(again, to: "t").errorCode == 0)
    }

    @Test("Both the replicas in sync and the link are waited for")
    func replicas() throws {
        let bench = try synchronous()
        try bench.addBroker(2)
        try bench.changeImage { image in
            image.updateTopic("t") { topic in
                topic.partitions[0].replicas = [BrokerBench.brokerID, BrokerID(2)]
                topic.partitions[0].isr = topic.partitions[0].replicas
                topic.partitions[0].leaderEpoch += 1
            }
        }
        let pending = try produce("a", on: bench)
        try confirm(1, on: bench)
        #expect(try error(of: pending, on: bench) == nil)
        // The link is not to blame for slow replicas.
        try bench.advance(milliseconds: 900)
        #expect(try bench.describedMirror(partitions: [0]).partitions[0].synchrony == Synchrony.synchronous.rawValue)
        _ = try bench.send(bench.followerFetch("t", by: BrokerID(2), from: 1))
        #expect(try error(of: pending, on: bench) == ErrorCode.none)
    }

    @Test("A link that does not keep up is waited for no more, until it does")
    func degrading() throws {
        let bench = try synchronous(partitions: 5)
        let pending = try (0..<5).map { try produce("a", on: bench, Int32($0)) }
        try bench.advance(milliseconds: 499)
        #expect(try error(of: pending[0], on: bench) == nil && bench.reports.isEmpty)
        try bench.advance(milliseconds: 1)
        for one in pending { #expect(try error(of: one, on: bench) == ErrorCode.none) }
        #expect(
            bench.reports == [
                "link \(link) does not keep up with t-0, t-1, t-2 and 2 more: acks=all is answered without the other region "
                    + "until it does"
            ])
        #expect(try bench.describedMirror(partitions: [0]).partitions[0].synchrony == Synchrony.degraded.rawValue)
        #expect(try bench.produce(batch(["b"]), to: "t").errorCode == 0)

        #expect(try confirm(1, on: bench).synchrony == Synchrony.degraded.rawValue)
        #expect(try confirm(2, on: bench).synchrony == Synchrony.synchronous.rawValue)
        let next = try produce("c", on: bench)
        #expect(try error(of: next, on: bench) == nil)
        try confirm(3, on: bench)
        #expect(try error(of: next, on: bench) == ErrorCode.none)
    }

    @Test("A leader that begins waits for the next report, and not for ever")
    func anotherLeader() throws {
        let bench = try synchronous()
        let first = try produce("a", on: bench)
        try confirm(1, on: bench)
        #expect(try error(of: first, on: bench) == ErrorCode.none)
        let beginnings: [() throws -> Void] = [{ try bench.elect("t", epoch: 5) }, { try bench.restart() }]
        for (round, begin) in beginnings.enumerated() {
            try begin()
            let pending = try produce("b", on: bench)
            // Said of the log of an earlier leader, or by nobody who has read anything.
            let late = try confirm(Offset(round + 2), leaderEpoch: 4, on: bench)
            #expect(ErrorCode.of(late.errorCode) == .fencedLeaderEpoch)
            #expect(ErrorCode.of(try confirm(2, leaderEpoch: -1, on: bench).errorCode) == .fencedLeaderEpoch)
            #expect(ErrorCode.of(try confirm(2, leaderEpoch: 6, on: bench).errorCode) == .unknownLeaderEpoch)
            #expect(try error(of: pending, on: bench) == nil)
            try confirm(Offset(round + 2), on: bench)
            #expect(try error(of: pending, on: bench) == ErrorCode.none)
        }
        try bench.elect("t", epoch: 6)
        let pending = try produce("c", on: bench)
        try bench.advance(milliseconds: 500)
        #expect(try error(of: pending, on: bench) == ErrorCode.none && bench.reports.count == 1)
    }

    @Test("Who steps down says so to those who wait")
    func deposed() throws {
        let bench = try synchronous()
        let pending = try produce("a", on: bench)
        try bench.changeImage { image in
            image.updateTopic("t") { topic in
                topic.partitions[0].leader = BrokerID(2)
                topic.partitions[0].leaderEpoch += 1
            }
        }
        #expect(try error(of: pending, on: bench) == .notLeaderOrFollower)
        let last = try produce("b", on: bench)
        #expect(try error(of: last, on: bench) == .notLeaderOrFollower)
    }

    @Test("Reports of another link, home epoch or log are refused")
    func refusals() throws {
        let bench = try synchronous()
        try bench.createTopic("ordinary")
        let pending = try produce("a", on: bench)
        #expect(ErrorCode.of(try confirm(1, link: "north->east", on: bench).errorCode) == .invalidRequest)
        #expect(ErrorCode.of(try confirm(1, homeEpoch: 1, on: bench).errorCode) == .fencedLeaderEpoch)
        #expect(ErrorCode.of(try confirm(2, on: bench).errorCode) == .offsetOutOfRange)
        #expect(ErrorCode.of(try confirm(1, of: "absent", on: bench).errorCode) == .unknownTopicId)
        let ordinary = try confirm(0, of: "ordinary", on: bench)
        #expect(ordinary.errorCode == 0 && ordinary.synchrony == Synchrony.asynchronous.rawValue)
        #expect(try confirm(-5, on: bench).errorCode == 0)
        #expect(try error(of: pending, on: bench) == nil)
    }

    @Test("Nobody is left waiting when the home moves, the topic goes, or nobody asks for it any more")
    func ends() throws {
        let bench = try synchronous()
        var pending = try produce("a", on: bench)
        try bench.changeImage { image in
            image.updateTopic("t") { $0.configs[Synchrony.linkKey] = nil }
        }
        #expect(try error(of: pending, on: bench) == ErrorCode.none)
        #expect(try bench.produce(batch(["b"]), to: "t").errorCode == 0)

        try bench.changeImage { image in
            image.updateTopic("t") { $0.configs[Synchrony.linkKey] = link }
        }
        pending = try produce("c", on: bench)
        #expect(try error(of: pending, on: bench) == nil)
        // The other region may not have it: nobody says that it is kept.
        try bench.setStanding(of: "t", .fenced, homeEpoch: 1)
        #expect(try error(of: pending, on: bench) == .notLeaderOrFollower)
        #expect(ErrorCode.of(try confirm(3, homeEpoch: 1, on: bench).errorCode) == .invalidRequest)
        try bench.setStanding(of: "t", .ordinary, homeEpoch: 2)
        pending = try produce("d", on: bench)
        #expect(ErrorCode.of(try confirm(4, homeEpoch: 0, on: bench).errorCode) == .fencedLeaderEpoch)
        #expect(try confirm(3, homeEpoch: 2, on: bench).errorCode == 0)
        #expect(try error(of: pending, on: bench) == nil)
        #expect(try bench.deleteTopic("t") == .none)
        #expect(try error(of: pending, on: bench) == .notLeaderOrFollower)
    }

    @Test("A shorter limit holds at once")
    func limits() throws {
        let bench = try synchronous()
        let pending = try produce("a", on: bench)
        try bench.changeImage { image in
            image.updateTopic("t") { $0.configs[Synchrony.limitKey] = "100" }
        }
        try bench.advance(milliseconds: 100)
        #expect(try error(of: pending, on: bench) == ErrorCode.none && bench.reports.count == 1)
    }

    @Test(
        "Links that are none and times that are none are refused",
        arguments: [
            [Synchrony.linkKey: "west"], [Synchrony.linkKey: "->east"], [Synchrony.linkKey: "west->"],
            [Synchrony.linkKey: "a->b->c"], [Synchrony.linkKey: "a->a"], [Synchrony.linkKey: "a b->c"],
            [Synchrony.limitKey: "0"], [Synchrony.limitKey: "soon"], [Synchrony.limitKey: "2147483648"],
        ])
    func badSettings(configs: [String: String]) throws {
        let bench = try BrokerBench()
        let told = try bench.createTopic("t", configs: configs)
        #expect(ErrorCode.of(told.errorCode) == .invalidConfig && told.errorMessage != nil)
    }
}
