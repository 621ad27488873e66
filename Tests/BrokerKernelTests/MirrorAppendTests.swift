import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Records
import Testing

@Suite("Batches that a mirror appends")
struct MirrorAppendTests {
    private func mirrored(_ change: (inout BrokerKernelSettings) -> Void = { _ in }) throws -> BrokerBench {
        let bench = try BrokerBench(change)
        try bench.createMirrorTopic("t")
        return bench
    }

    private func log(_ bench: BrokerBench) throws -> Partition {
        try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)])
    }

    @Test("Keep their offsets and bytes, but for the leader epoch, over a restart too")
    func bytesStay() throws {
        let bench = try mirrored()
        try bench.elect("t", epoch: 3)
        let batches = [
            placed(["a", "b"], at: 0), placed(["d"], at: 5, stampedByBroker: true), placed(["e", "f"], at: 9),
        ]
        let told = try bench.mirror(joined(batches), to: "t", end: 0)
        #expect(told.errorCode == 0 && told.errorMessage == nil)
        #expect(told.logStartOffset == 0 && told.logEndOffset == 11 && told.highWatermark == 11)
        for isRestarted in [false, true] {
            if isRestarted { try bench.restart() }
            #expect(try bench.bytes(in: "t") == joined(batches).withLeaderEpoch(3))
            #expect(try bench.values(in: "t", from: 3) == ["d", "e", "f"])
            #expect(try log(bench).log.logEndOffset == 11)
        }
        // What comes next goes on there.
        #expect(try bench.mirror(placed(["g"], at: 30), to: "t", end: 11).logEndOffset == 31)
        #expect(try bench.values(in: "t", from: 11) == ["g"])
    }

    @Test("Go on in another segment where more offsets are left out than one can name")
    func hugeGap() throws {
        let bench = try mirrored()
        try bench.mirror(placed(["a"], at: 0), to: "t", end: 0)
        let far = Offset(Int32.max) + 100
        #expect(try bench.mirror(placed(["b"], at: far), to: "t", end: 1).errorCode == 0)
        #expect(try bench.values(in: "t") == ["a"])
        #expect(try bench.values(in: "t", from: 1) == ["b"])
        let both = joined([placed(["c"], at: far + 1), placed(["d"], at: 3 * far)])
        let told = try bench.mirror(both, to: "t", end: far + 1)
        #expect(ErrorCode.of(told.errorCode) == .invalidRecord && told.logEndOffset == far + 1)
        try bench.restart()
        #expect(try bench.values(in: "t", from: 1) == ["b"])
    }

    @Test("Bring producers and transactions along: committed readers see what they saw at the source")
    func transactions() throws {
        let bench = try mirrored()
        let batches = [
            placed(["x"], at: 0, producer: 5, producerEpoch: 1, sequence: 0, isTransactional: true),
            placed(["y"], at: 4, producer: 6, producerEpoch: 0, sequence: 9, isTransactional: true),
            marker(isCommit: false, at: 6, producer: 5, producerEpoch: 1),
        ]
        try bench.mirror(joined(batches), to: "t", end: 0)
        let log = try log(bench).log
        #expect(log.highWatermark == 7 && log.lastStableOffset == 4)
        let open = try #require(log.activeProducers.first { $0.producerID == 6 }?.entry)
        #expect(open.transactionFirstOffset == 4 && open.lastSequence == 9)
        try bench.mirror(marker(isCommit: true, at: 7, producer: 6, producerEpoch: 0), to: "t", end: 7)
        #expect(log.lastStableOffset == 8)
        var request = bench.fetchRequest("t", from: 0, maxWait: 0)
        request.isolationLevel = 1
        let told = try #require(try bench.call(request).responses.first?.partitions.first)
        #expect(told.abortedTransactions?.map(\.producerId) == [5])
        #expect(told.abortedTransactions?.map(\.firstOffset) == [0])
    }

    @Test("A batch that compaction has emptied is as good as another")
    func emptied() throws {
        let bench = try mirrored()
        // The cleaner keeps the header of a producer's last batch: no records, the old last offset.
        let empty = try placed(["a"], at: 3).withUnsafeReadableBytes { try RecordBatchHeader(reading: $0) }.emptied()
        #expect(try bench.mirror(joined([placed(["a"], at: 0), empty]), to: "t", end: 0).logEndOffset == 4)
        #expect(try bench.values(in: "t") == ["a"])
    }

    @Test("A repeated append is told where the log ends, and writes nothing")
    func repeated() throws {
        let bench = try mirrored()
        let batch = placed(["a"], at: 0)
        try bench.mirror(batch, to: "t", end: 0)
        let again = try bench.mirror(batch, to: "t", end: 0)
        #expect(ErrorCode.of(again.errorCode) == .offsetOutOfRange && again.logEndOffset == 1)
        let early = try bench.mirror(placed(["c"], at: 5), to: "t", end: 5)
        #expect(ErrorCode.of(early.errorCode) == .offsetOutOfRange && early.logEndOffset == 1)
        #expect(try bench.values(in: "t") == ["a"])
    }

    @Test("One bad batch keeps the others of its append out")
    func allOrNothing() throws {
        let bench = try mirrored()
        try bench.mirror(placed(["a"], at: 0), to: "t", end: 0)
        var broken = placed(["c"], at: 2)
        broken.setInteger(UInt8(0xFF), at: broken.writerIndex - 1)
        let bad: [(ByteBuffer, ErrorCode)] = [
            (joined([placed(["b"], at: 1), broken]), .corruptMessage),
            (joined([placed(["b"], at: 5), placed(["c"], at: 4)]), .corruptMessage),
            (
                joined([placed(["b"], at: 1), placed(["c"], at: 2).getSlice(at: 0, length: 40) ?? ByteBuffer()]),
                .corruptMessage
            ),
            (placed(["b"], at: 0), .corruptMessage),
            (placed(["b"], at: .max), .corruptMessage),
            (ByteBuffer(), .invalidRecord),
        ]
        for (records, error) in bad {
            let told = try bench.mirror(records, to: "t", end: 1)
            #expect(ErrorCode.of(told.errorCode) == error && told.errorMessage != nil && told.logEndOffset == 1)
        }
        #expect(try bench.values(in: "t") == ["a"])
    }

    @Test("Are taken of the topic's own link only, in its home epoch, by its leader")
    func refusals() throws {
        let bench = try BrokerBench()
        try bench.createMirrorTopic("t", homeEpoch: 2)
        try bench.createTopic("ordinary")
        func error(_ topic: String, homeEpoch: Int32 = 2, link name: String = link) throws -> ErrorCode {
            .of(try bench.mirror(placed(["a"], at: 0), to: topic, end: 0, homeEpoch: homeEpoch, link: name).errorCode)
        }
        #expect(try error("t", link: "north->east") == .invalidRequest)
        #expect(try error("ordinary") == .invalidRequest)
        #expect(try error("absent") == .unknownTopicId)
        #expect(try error("t", homeEpoch: 1) == .fencedLeaderEpoch)
        #expect(try error("t", homeEpoch: 3) == .fencedLeaderEpoch)
        for state in [MirrorStanding.State.promoting, .fenced, .ordinary] {
            try bench.setStanding(of: "t", state, homeEpoch: 2)
            #expect(try error("t") == .invalidRequest)
        }
        try bench.setStanding(of: "t", .mirroring, homeEpoch: 2)
        #expect(try error("t") == .none)
        try bench.changeImage { image in
            image.updateTopic("t") { $0.partitions[0].leader = nil }
        }
        #expect(try error("t") == .notLeaderOrFollower)
    }

    @Test("The log begins where the source's does, and follows it")
    func logStart() throws {
        let bench = try mirrored()
        // An empty log begins wherever the source begins.
        var told = try bench.mirror(nil, to: "t", end: 0, start: 100)
        #expect(told.errorCode == 0 && told.logStartOffset == 100 && told.logEndOffset == 100)
        told = try bench.mirror(placed(["a", "b"], at: 103), to: "t", end: 100, start: 100)
        #expect(told.logStartOffset == 100 && told.logEndOffset == 105)
        told = try bench.mirror(nil, to: "t", end: 105, start: 104)
        #expect(told.logStartOffset == 104 && told.logEndOffset == 105)
        // Never back.
        told = try bench.mirror(nil, to: "t", end: 105, start: 50)
        #expect(told.errorCode == 0 && told.logStartOffset == 104)
        // What the source has lost before it was mirrored is no matter of course.
        told = try bench.mirror(nil, to: "t", end: 105, start: 200)
        #expect(ErrorCode.of(told.errorCode) == .offsetOutOfRange && told.logStartOffset == 104)
        told = try bench.mirror(nil, to: "t", end: 105, start: 105)
        #expect(told.errorCode == 0 && told.logStartOffset == 105)
        told = try bench.mirror(placed(["c"], at: 200), to: "t", end: 105, start: 200)
        #expect(told.errorCode == 0 && told.logStartOffset == 200 && told.logEndOffset == 201)
        try bench.restart()
        #expect(try bench.values(in: "t", from: 200) == ["c"])
        told = try bench.mirror(nil, to: "t", end: 201, start: .max)
        #expect(told.errorCode != 0)
    }

    @Test("With too few replicas in sync nothing is written; with enough the answer waits for them")
    func committed() throws {
        let bench = try mirrored()
        let other = BrokerID(2)
        try bench.changeImage { image in
            image.updateTopic("t") { topic in
                topic.partitions[0].replicas = [BrokerBench.brokerID, other]
                topic.configs["min.insync.replicas"] = "2"
                topic.partitions[0].leaderEpoch += 1
            }
        }
        let few = try bench.mirror(placed(["a"], at: 0), to: "t", end: 0)
        #expect(ErrorCode.of(few.errorCode) == .notEnoughReplicas && few.logEndOffset == 0)
        try bench.changeImage { image in
            image.updateTopic("t") { topic in
                topic.partitions[0].isr = [BrokerBench.brokerID, other]
                topic.partitions[0].stateVersion += 1
            }
        }
        let pending = try bench.send(bench.mirrorRequest(placed(["a"], at: 0), to: "t", end: 0))
        let next = try bench.send(bench.mirrorRequest(placed(["b"], at: 1), to: "t", end: 1, start: 1))
        #expect(try bench.reply(to: pending) == nil)
        _ = try bench.send(bench.followerFetch("t", by: other, from: 1))
        let told = try #require(try bench.reply(to: pending)?.topics.first?.partitions.first)
        // It tells where it left the log, though more has come behind it.
        #expect(told.errorCode == 0 && told.highWatermark == 1 && told.logEndOffset == 1)
        // The prefix goes once it is committed.
        #expect(told.logStartOffset == 1)
        try bench.advance(milliseconds: 1001)
        let late = try #require(try bench.reply(to: next)?.topics.first?.partitions.first)
        #expect(ErrorCode.of(late.errorCode) == .requestTimedOut && late.logEndOffset == 2)
    }

    @Test("Whoever is deposed says so")
    func deposed() throws {
        let bench = try mirrored()
        try bench.addBroker(2)
        try bench.changeImage { image in
            image.updateTopic("t") { topic in
                topic.partitions[0].replicas = [BrokerBench.brokerID, BrokerID(2)]
                topic.partitions[0].isr = topic.partitions[0].replicas
                topic.partitions[0].leaderEpoch += 1
            }
        }
        let pending = try bench.send(bench.mirrorRequest(placed(["a"], at: 0), to: "t", end: 0))
        try bench.changeImage { image in
            image.updateTopic("t") { topic in
                topic.partitions[0].leader = BrokerID(2)
                topic.partitions[0].leaderEpoch += 1
            }
        }
        let told = try #require(try bench.reply(to: pending)?.topics.first?.partitions.first)
        #expect(ErrorCode.of(told.errorCode) == .notLeaderOrFollower)
    }
}
