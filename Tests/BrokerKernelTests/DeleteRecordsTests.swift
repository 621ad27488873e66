import ClusterModel
import KafkaProtocol
import KafkaProtocolAdmin
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
        #expect(try error(before: 0, in: "t", 1) == .unknownTopicOrPartition)
        #expect(try error(before: 0, in: "absent") == .unknownTopicOrPartition)
        #expect(try bench.values(in: "t") == ["a"])
    }
}
