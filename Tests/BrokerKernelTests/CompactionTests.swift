import ClusterModel
import KafkaProtocol
import NIOCore
import Records
import Seams
import Testing

@Suite("Compaction")
struct CompactionTests {
    private func pair(_ key: String, _ value: String, from timestamp: Int64 = 1_700_000_000_000) -> ByteBuffer {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: timestamp, key: ByteBuffer(string: key), value: ByteBuffer(string: value))
        return builder.finish()
    }

    private func filledBench() throws -> BrokerBench {
        let bench = try BrokerBench()
        try bench.createTopic(
            "t",
            configs: ["cleanup.policy": "compact", "segment.bytes": "1000", "min.cleanable.dirty.ratio": "0.1"])
        for place in 0..<200 { try bench.produce(pair("k\(place % 5)", "v\(place)"), to: "t") }
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

extension BrokerBench {
    /// The values of all records of a topic's first partition, fetched segment by segment.
    fileprivate func allValues(in topic: String) throws -> [String] {
        var (values, next): ([String], Offset) = ([], 0)
        while true {
            let response = try call(fetchRequest(topic, from: next, maxWait: 0))
            let part = try #require(response.responses.first?.partitions.first)
            guard case .inMemory(let bytes)? = part.records, bytes.readableBytes > 0 else { return values }
            values += try part.values()
            var batches = RecordBatches(bytes)
            while let batch = try batches.next() { next = batch.header.nextOffset }
        }
    }
}
