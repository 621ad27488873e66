import ClusterModel
import KafkaProtocol
import Seams
import Testing

@Suite("Replicas that cannot be served")
struct OfflineReplicaTests {
    private func error(_ bench: BrokerBench, _ topic: String, _ partition: Int32 = 0) throws -> ErrorCode {
        let response = try bench.call(bench.fetchRequest(topic, partition, from: 0, maxWait: 0))
        return .of(try #require(response.responses.first?.partitions.first).errorCode)
    }

    @Test("Unsound records end the service of their partition only")
    func unsound() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 2)
        for partition in Int32(0)..<2 { try bench.produce(batch(["a"]), to: "t", partition) }
        bench.disk.rot("/data/t-0/00000000000000000000.log", at: 16)
        // The first that meets it is told so, whoever comes then as well.
        let told = try bench.call(bench.fetchRequest("t", 0, from: 0, maxWait: 0, maxBytes: 1))
        #expect(told.responses.first?.partitions.first?.errorCode == ErrorCode.kafkaStorageError.rawValue)
        #expect(try error(bench, "t", 0) == .kafkaStorageError)
        #expect(try bench.produce(batch(["b"]), to: "t", 0).errorCode == ErrorCode.kafkaStorageError.rawValue)
        #expect(bench.toldOffline == [TopicPartition(topic: "t", partition: 0)])
        #expect(try bench.values(in: "t", 1) == ["a"])
        #expect(bench.stopReason == nil)
        // Alone in sync, it does not begin anew: what clients count on would be gone without a word.
        try bench.restart()
        #expect(try error(bench, "t", 0) == .kafkaStorageError)
        #expect(try bench.values(in: "t", 1) == ["a"])
        // A topic of that name that is made later has nothing to do with it.
        #expect(try bench.deleteTopic("t") == .none)
        try bench.createTopic("t", partitions: 1)
        try bench.produce(batch(["new"]), to: "t")
        #expect(try bench.values(in: "t") == ["new"])
        #expect(bench.toldOffline == [])
    }

    @Test("A directory whose disk fails takes its partitions offline, the last one stops the broker")
    func failedDirectory() throws {
        let bench = try BrokerBench(directories: ["/data", "/other"])
        try bench.createTopic("t", partitions: 2)
        for partition in Int32(0)..<2 { try bench.produce(batch(["a"]), to: "t", partition) }
        bench.disk.inject(.init(.write, suffix: ".log"))
        #expect(try bench.produce(batch(["b"]), to: "t", 0).errorCode == ErrorCode.kafkaStorageError.rawValue)
        #expect(bench.toldOffline == [TopicPartition(topic: "t", partition: 0)])
        #expect(bench.stopReason == nil)
        try bench.produce(batch(["b"]), to: "t", 1)
        #expect(try bench.values(in: "t", 1) == ["a", "b"])
        // New partitions find a place.
        try bench.createTopic("u")
        try bench.produce(batch(["c"]), to: "u")
        #expect(try bench.values(in: "u") == ["c"])
        bench.disk.inject(.init(.write, suffix: ".log"))
        #expect(try bench.produce(batch(["b"]), to: "t", 1).errorCode == ErrorCode.kafkaStorageError.rawValue)
        #expect(bench.stopReason != nil)
    }

    @Test("After a start without one of its directories a broker does not begin its partitions anew")
    func startWithoutDirectory() throws {
        let bench = try BrokerBench(directories: ["/data", "/other"])
        try bench.createTopic("t", partitions: 2)
        for partition in Int32(0)..<2 { try bench.produce(batch(["a"]), to: "t", partition) }
        bench.disk.inject(.init(.list, suffix: "/data"))
        try bench.restart()
        #expect(try error(bench, "t", 0) == .kafkaStorageError)
        #expect(try bench.values(in: "t", 1) == ["a"])
        #expect(bench.toldOffline == [TopicPartition(topic: "t", partition: 0)])
        try bench.restart()
        #expect(try bench.values(in: "t", 0) == ["a"])
    }
}
