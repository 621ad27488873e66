import ClusterModel
import Testing

@testable import BrokerKernel

@Suite("Upkeep of logs")
struct UpkeepTests {
    @Test("Only logs that have changed are asked whether they want to be flushed")
    func idleLogs() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", partitions: 100)
        try bench.advance(milliseconds: 1000)
        #expect(bench.kernel.upkeep.partitions.isEmpty)
        try bench.produce(batch(["a"]), to: "t", 7)
        try bench.produce(batch(["b"]), to: "t", 7)
        #expect(bench.kernel.upkeep.partitions.map(\.name.partition) == [7])
        try bench.advance(milliseconds: 1000)
        #expect(bench.kernel.upkeep.partitions.isEmpty)
    }

    @Test("A log that waits for its flush is asked until then")
    func flushLater() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["flush.ms": "3500"])
        try bench.advance(milliseconds: 1000)
        try bench.produce(batch(["a"]), to: "t")
        let log = try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]?.log)
        for _ in 0..<2 {
            try bench.advance(milliseconds: 1000)
            #expect(log.recoveryPoint == 0)
            #expect(bench.kernel.upkeep.partitions.count == 1)
        }
        for _ in 0..<2 { try bench.advance(milliseconds: 1000) }
        #expect(log.recoveryPoint == 1)
        try bench.advance(milliseconds: 1000)
        #expect(bench.kernel.upkeep.partitions.isEmpty)
    }

    @Test("A log is flushed where its segments end, however they end")
    func endedSegments() throws {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: ["segment.bytes": "200"])
        let log = try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]?.log)
        for _ in 0..<10 { try bench.produce(batch([String(repeating: "x", count: 100)]), to: "t") }
        try bench.advance(milliseconds: 1000)
        #expect(log.recoveryPoint >= 8)
        try bench.advance(milliseconds: 1000)
        #expect(bench.kernel.upkeep.partitions.isEmpty)
    }

    @Test("Logs that a mirror appends to, and whose start it raises, are looked after as well")
    func mirrored() throws {
        let bench = try BrokerBench()
        try bench.createMirrorTopic("t", configs: ["flush.ms": "500"])
        let log = try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]?.log)
        try bench.advance(milliseconds: 1000)
        #expect(bench.kernel.upkeep.partitions.isEmpty)
        try bench.mirror(placed(["a", "b"], at: 0), to: "t", end: 0)
        try bench.advance(milliseconds: 1000)
        #expect(log.recoveryPoint == 2)
        try bench.advance(milliseconds: 1000)
        #expect(bench.kernel.upkeep.partitions.isEmpty)
        try bench.mirror(nil, to: "t", end: 2, start: 2)
        #expect(bench.kernel.upkeep.partitions.count == 1)
    }

    @Test("Logs of followers are flushed in time as well")
    func followed() throws {
        let bench = try BrokerBench()
        bench.arePeersReachable = true
        try bench.addBroker(2)
        try bench.createTopic("t", configs: ["flush.ms": "500"])
        try bench.place("t", on: [1, 2], leader: 2)
        let log = try #require(bench.kernel.partitions[TopicPartition(topic: "t", partition: 0)]?.log)
        try bench.advance(milliseconds: 1000)
        #expect(bench.kernel.upkeep.partitions.isEmpty)
        try bench.answerFetch([("t", leaderTells(batch(["a", "b"]), highWatermark: 0))])
        try bench.advance(milliseconds: 1000)
        #expect(log.recoveryPoint == 2)
    }
}
