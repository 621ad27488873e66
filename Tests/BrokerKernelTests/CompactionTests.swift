import ClusterModel
import KafkaProtocol
import NIOCore
import Records
import Seams
import Testing

@Suite("Compaction")
struct CompactionTests {
    private func filledBench() throws -> BrokerBench {
        let bench = try BrokerBench()
        try bench.createTopic(
            "t",
            configs: ["cleanup.policy": "compact", "segment.bytes": "1000", "min.cleanable.dirty.ratio": "0.1"])
        for place in 0..<200 { try bench.produce(keyed("k\(place % 5)", "v\(place)"), to: "t") }
        return bench
    }

    @Test("Begins by itself, and readers find the last record of each key where it was")
    func beginsByItself() throws {
        let bench = try filledBench()
        let before = try bench.allValues(in: "t")
        #expect(before.count == 200)
        for _ in 0..<4 { try bench.advance(milliseconds: 15_000) }
        let after = try bench.allValues(in: "t")
        #expect(after.count < 30)
        #expect(Set(after).isSuperset(of: (195..<200).map { "v\($0)" }))
        #expect(after == before.filter(Set(after).contains))
        #expect(bench.stopReason == nil)
    }

    @Test("What was compacted stays so over a kill and over a power cut")
    func survives() throws {
        let bench = try filledBench()
        for _ in 0..<4 { try bench.advance(milliseconds: 15_000) }
        let compacted = try bench.allValues(in: "t")
        try bench.restart()
        #expect(try bench.allValues(in: "t") == compacted)
        // What is in the active segment may be lost; all before it was synced before it was compacted.
        bench.disk.crash()
        try bench.restart()
        #expect(try bench.allValues(in: "t").starts(with: compacted.dropLast(15)))
        #expect(bench.stopReason == nil)
    }
}
