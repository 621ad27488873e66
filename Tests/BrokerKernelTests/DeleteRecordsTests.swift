import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
import NIOCore
import Seams
import Testing

@Suite("Deleting records")
struct DeleteRecordsTests {
    @Test("Readers find the new start at once, and after a restart")
    func start() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        for value in ["a", "b", "c"] { try bench.produce(batch([value]), to: "t") }
        let told = try bench.deleteRecords(before: 2)
        #expect(ErrorCode.of(told.errorCode) == .none && told.lowWatermark == 2)
        for isRestarted in [false, true] {
            if isRestarted { try bench.restart() }
            #expect(try bench.values(in: "t", from: 2) == ["c"])
            let early = try bench.call(bench.fetchRequest("t", from: 1, maxWait: 0))
            let part = try #require(early.responses.first?.partitions.first)
            #expect(ErrorCode.of(part.errorCode) == .offsetOutOfRange)
            #expect(part.logStartOffset == 2 && part.highWatermark == 3)
        }
    }

    @Test("A start never goes back")
    func earlier() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a", "b", "c"]), to: "t")
        #expect(try bench.deleteRecords(before: 2).lowWatermark == 2)
        let again = try bench.deleteRecords(before: 1)
        #expect(ErrorCode.of(again.errorCode) == .none && again.lowWatermark == 2)
    }

    @Test("-1 stands for all that is committed, and the next record keeps its place")
    func everything() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a", "b"]), to: "t")
        #expect(try bench.deleteRecords(before: -1).lowWatermark == 2)
        #expect(try bench.values(in: "t", from: 2) == [])
        try bench.restart()
        #expect(try bench.produce(batch(["c"]), to: "t").baseOffset == 2)
        #expect(try bench.values(in: "t", from: 2) == ["c"])
    }

    @Test("What cannot be deleted is refused, and nothing changes")
    func refusals() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.createTopic("compacted", configs: ["cleanup.policy": "compact"])
        try bench.createTopic("both", configs: ["cleanup.policy": "compact,delete"])
        try bench.createMirrorTopic("mirrored")
        try bench.createTopic("fenced")
        try bench.setStanding(of: "fenced", .fenced)
        try bench.produce(batch(["a"]), to: "t")
        func error(before offset: Offset, in topic: String = "t", _ partition: Int32 = 0) throws -> ErrorCode {
            let told = try bench.deleteRecords(before: offset, in: topic, partition)
            #expect(told.lowWatermark == (told.errorCode == 0 ? 0 : -1))
            return .of(told.errorCode)
        }
        #expect(try error(before: 2) == .offsetOutOfRange)
        #expect(try error(before: .max) == .offsetOutOfRange)
        #expect(try error(before: -2) == .offsetOutOfRange)
        #expect(try error(before: 0, in: "compacted") == .policyViolation)
        #expect(try error(before: 0, in: "both") == .none)
        #expect(try error(before: 0, in: "mirrored") == .policyViolation, "its home's records are no client's to delete")
        #expect(try error(before: 0, in: "fenced") == .policyViolation)
        #expect(try error(before: 0, in: "t", 1) == .unknownTopicOrPartition)
        #expect(try error(before: 0, in: "absent") == .unknownTopicOrPartition)
        #expect(try error(before: 0, in: "__consumer_offsets") == .invalidTopicException)
        #expect(try bench.values(in: "t") == ["a"])
    }

    @Test("The leader answers when the records are gone from every living replica")
    func followers() throws {
        let bench = try Self.replicated()
        let pending = try bench.send(BrokerBench.deletion(before: 2))
        #expect(try bench.reply(to: pending) == nil)
        #expect(try bench.values(in: "t", from: 2) == ["c"], "gone here already")
        try bench.follow(by: 2, logStart: 2)
        #expect(try bench.reply(to: pending) == nil, "broker 3 still has them")
        try bench.follow(by: 3, logStart: 3)
        #expect(try bench.outcome(of: pending) == Deleted(.none, 2))
        // All have deleted as much already.
        #expect(try bench.outcome(of: bench.send(BrokerBench.deletion(before: 1))) == Deleted(.none, 2))
    }

    @Test("A broker that is gone is not waited for")
    func deadFollower() throws {
        let bench = try Self.replicated()
        let pending = try bench.send(BrokerBench.deletion(before: 2))
        try bench.follow(by: 2, logStart: 2)
        try bench.removeBroker(3)
        #expect(try bench.outcome(of: pending) == Deleted(.none, 2))
    }

    @Test("When the time is up the records are gone here, and the request says that it timed out")
    func late() throws {
        let bench = try Self.replicated()
        let pending = try bench.send(BrokerBench.deletion(before: 2))
        try bench.advance(milliseconds: 999)
        #expect(try bench.reply(to: pending) == nil)
        #expect(bench.kernel.nextDeadline <= bench.now + .milliseconds(1))
        try bench.advance(milliseconds: 1)
        #expect(try bench.outcome(of: pending) == Deleted(.requestTimedOut, 0))
        for follower: Int32 in 2...3 { try bench.follow(by: follower, logStart: 2) }
        #expect(try bench.outcome(of: bench.send(BrokerBench.deletion(before: 2))) == Deleted(.none, 2))
    }

    @Test("A leader that is deposed says so")
    func deposed() throws {
        let bench = try Self.replicated()
        let pending = try bench.send(BrokerBench.deletion(before: 2))
        try bench.place("t", on: [1, 2, 3], leader: 2)
        #expect(try bench.outcome(of: pending) == Deleted(.notLeaderOrFollower, -1))
    }

    @Test("A follower's fetch that waits is answered at once with the new start")
    func told() throws {
        let bench = try Self.replicated()
        var fetch = bench.replicaFetch("t", by: 2, from: 3)
        fetch.sessionEpoch = 0
        let opening = try bench.send(fetch)
        try bench.advance(milliseconds: 500)
        fetch.sessionId = try #require(try bench.reply(to: opening)).sessionId
        fetch.topics = []
        fetch.sessionEpoch = 1
        let parked = try bench.send(fetch)
        #expect(try bench.reply(to: parked) == nil)
        _ = try bench.send(BrokerBench.deletion(before: 2))
        #expect(try bench.reply(to: parked)?.responses.first?.partitions.first?.logStartOffset == 2)
    }

    @Test("A follower deletes what its leader has deleted, and says so at once")
    func following() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 2)
        try bench.answerFetch([("t", leaderTells(batch(["a", "b"]) + batch(["c"], at: 2), highWatermark: 3))])
        #expect(try bench.askedFetch().topics.first?.partitions.first?.fetchOffset == 3)
        try bench.answerFetch([("t", leaderTells(highWatermark: 3, logStart: 2))])
        #expect(try bench.askedFetch().topics.first?.partitions.first?.logStartOffset == 2)
        let early = try #require(
            try bench.call(bench.fetchRequest("t", from: 1, maxWait: 0)).responses.first?.partitions.first)
        #expect(ErrorCode.of(early.errorCode) == .notLeaderOrFollower)
        #expect(early.logStartOffset == 2)
        try bench.answerFetch([("t", leaderTells(highWatermark: 3, logStart: 2))])
        #expect(try bench.askedFetch().topics.isEmpty, "there is nothing new to say")
    }

    @Test("What a follower has said to be deleted does not come back when its process dies and it leads then")
    func deletedForGood() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 2)
        try bench.answerFetch([("t", leaderTells(batch(["a", "b"]) + batch(["c"], at: 2), highWatermark: 3))])
        try bench.answerFetch([("t", leaderTells(highWatermark: 3, logStart: 2))])
        #expect(try bench.askedFetch().topics.first?.partitions.first?.logStartOffset == 2)
        try bench.restart()
        try bench.place("t", on: [1, 2], inSync: [1], leader: 1)
        let told = try #require(
            try bench.call(bench.fetchRequest("t", from: 1, maxWait: 0)).responses.first?.partitions.first)
        #expect(ErrorCode.of(told.errorCode) == .offsetOutOfRange)
        #expect(told.logStartOffset == 2)
    }

    @Test("Nor what was deleted of the batch with which a follower's log began anew")
    func deletedInABatch() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], leader: 2)
        try bench.answerFetch([("t", leaderTells(highWatermark: 7, logStart: 6, error: .offsetOutOfRange))])
        try bench.answerFetch([("t", leaderTells(batch(["a", "b"], at: 5), highWatermark: 7, logStart: 6))])
        #expect(try bench.askedFetch().topics.first?.partitions.first?.logStartOffset == 6)
        try bench.restart()
        try bench.place("t", on: [1, 2], inSync: [1], leader: 1)
        let told = try #require(
            try bench.call(bench.fetchRequest("t", from: 5, maxWait: 0)).responses.first?.partitions.first)
        #expect(ErrorCode.of(told.errorCode) == .offsetOutOfRange)
        #expect(told.logStartOffset == 6)
    }

    /// Three records on three brokers.
    private static func replicated() throws -> BrokerBench {
        let bench = try BrokerBench()
        for broker: Int32 in 2...3 { try bench.addBroker(broker) }
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2, 3], leader: 1)
        try bench.produce(batch(["a", "b"]), to: "t", acks: 1)
        try bench.produce(batch(["c"]), to: "t", acks: 1)
        for follower: Int32 in 2...3 { try bench.follow(by: follower, logStart: 0) }
        return bench
    }
}

/// What a deletion of partition 0 came to.
private struct Deleted: Equatable {
    var error: ErrorCode
    var lowWatermark: Offset

    init(_ error: ErrorCode, _ lowWatermark: Offset) {
        self.error = error
        self.lowWatermark = lowWatermark
    }
}

extension ByteBuffer {
    fileprivate static func + (left: ByteBuffer, right: ByteBuffer) -> ByteBuffer {
        var both = left
        both.writeImmutableBuffer(right)
        return both
    }
}

extension BrokerBench {
    /// Lets a follower of topic "t" that has all three records say where its log begins.
    fileprivate func follow(by follower: Int32, logStart: Offset) throws {
        _ = try send(replicaFetch("t", by: follower, from: 3, logStart: logStart, maxWait: 0))
    }

    fileprivate func outcome(of pending: Pending<DeleteRecordsRequest>) throws -> Deleted {
        let told = try #require(try reply(to: pending)?.topics.first?.partitions.first)
        return Deleted(.of(told.errorCode), told.lowWatermark)
    }
}
