import ClusterModel
import KafkaProtocol
import Testing

@Suite("Where leader epochs end")
struct LeaderEpochTests {
    @Test("An epoch ends where the next begins, the present one where the log does")
    func ends() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a", "b"]), to: "t")
        try bench.elect("t", epoch: 3)
        try bench.produce(batch(["c"]), to: "t")
        for isRestarted in [false, true] {
            if isRestarted { try bench.restart() }
            #expect(try bench.end(of: 0) == EpochAnswer(error: .none, epoch: 0, endOffset: 2))
            #expect(try bench.end(of: 3) == EpochAnswer(error: .none, epoch: 3, endOffset: 3))
        }
    }

    @Test("An epoch without records ends where the one before it does")
    func gap() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a", "b"]), to: "t")
        try bench.elect("t", epoch: 3)
        try bench.produce(batch(["c"]), to: "t")
        #expect(try bench.end(of: 2) == EpochAnswer(error: .none, epoch: 0, endOffset: 2))
    }

    @Test("An epoch that is not known has no end")
    func unknown() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.produce(batch(["a"]), to: "t")
        let nowhere = EpochAnswer(error: .none, epoch: -1, endOffset: -1)
        #expect(try bench.end(of: 7) == nowhere)
        #expect(try bench.end(of: -1) == nowhere)
    }

    @Test("Who believes in another epoch than the leader's is told so")
    func fencing() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t")
        try bench.elect("t", epoch: 3)
        #expect(try bench.end(of: 0, asIf: 2).error == .fencedLeaderEpoch)
        #expect(try bench.end(of: 0, asIf: 4).error == .unknownLeaderEpoch)
        #expect(try bench.end(of: 0, asIf: 3).error == .none)
        #expect(try bench.end(of: 0, in: "absent").error == .unknownTopicOrPartition)
    }
}

private struct EpochAnswer: Equatable {
    var error: ErrorCode
    var epoch: LeaderEpoch
    var endOffset: Offset
}

extension BrokerBench {
    fileprivate func end(
        of epoch: LeaderEpoch, asIf current: LeaderEpoch = -1, in topic: String = "t"
    ) throws -> EpochAnswer {
        var part = OffsetForLeaderEpochRequest.OffsetForLeaderPartition()
        part.currentLeaderEpoch = current
        part.leaderEpoch = epoch
        var wanted = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
        wanted.topic = topic
        wanted.partitions = [part]
        var request = OffsetForLeaderEpochRequest()
        request.topics = [wanted]
        let told = try #require(try call(request).topics.first?.partitions.first)
        return EpochAnswer(error: .of(told.errorCode), epoch: told.leaderEpoch, endOffset: told.endOffset)
    }
}
