import ClusterModel
import Controller
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

    @Test("A consumer that read at another home finds the place it had here, or where its log was cut off")
    func otherHomes() throws {
        let bench = try BrokerBench()
        try bench.createMirrorTopic("t")
        try bench.mirror(placed(["a", "b"], at: 0), to: "t", end: 0)
        try bench.elect("t", epoch: 2)
        try bench.mirror(placed(["c"], at: 2), to: "t", end: 2)
        // Epochs of the home say nothing of those here.
        for epoch: LeaderEpoch in [0, 1, 7] {
            #expect(try bench.end(of: epoch, by: -1) == EpochAnswer(error: .none, epoch: epoch, endOffset: 3))
            #expect(try bench.end(of: epoch, version: 2) == EpochAnswer(error: .none, epoch: epoch, endOffset: 3))
        }
        #expect(try bench.end(of: 1, by: -2).endOffset == 2, "its own log's, for mirrors")
        #expect(try bench.end(of: 7, by: -2).endOffset == -1)

        var cuts = MirrorCuts()
        cuts.add(MirrorCuts.Cut(offset: 3, leaderEpoch: 4), to: 0)
        try bench.setStanding(of: "t", .ordinary, homeEpoch: 1)
        try bench.changeImage { image in image.updateTopic("t") { $0.configs[MirrorCuts.key] = cuts.text } }
        try bench.elect("t", epoch: 4)
        try bench.produce(batch(["d", "e"]), to: "t")
        for (epoch, end): (LeaderEpoch, Offset) in [(0, 3), (1, 3), (3, 3), (4, 5), (7, 3)] {
            #expect(try bench.end(of: epoch, by: -1) == EpochAnswer(error: .none, epoch: epoch, endOffset: end))
        }
        #expect(try bench.end(of: -1, by: -1).endOffset == -1)
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
        of epoch: LeaderEpoch, asIf current: LeaderEpoch = -1, in topic: String = "t", by replica: Int32 = -1,
        version: Int16? = nil
    ) throws -> EpochAnswer {
        var part = OffsetForLeaderEpochRequest.OffsetForLeaderPartition()
        part.currentLeaderEpoch = current
        part.leaderEpoch = epoch
        var wanted = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
        wanted.topic = topic
        wanted.partitions = [part]
        var request = OffsetForLeaderEpochRequest()
        request.replicaId = replica
        request.topics = [wanted]
        let told = try #require(try call(request, version: version).topics.first?.partitions.first)
        return EpochAnswer(error: .of(told.errorCode), epoch: told.leaderEpoch, endOffset: told.endOffset)
    }
}
