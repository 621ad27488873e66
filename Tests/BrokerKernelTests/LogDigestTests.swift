import BrokerKernel
import ClusterModel
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Records
import Testing

@Suite("Digests of logs")
struct LogDigestTests {
    private func digest(
        _ bench: BrokerBench, _ from: Offset, _ to: Offset, of topic: String = "t"
    ) throws -> LogDigestResponse.DigestedPartitionResult {
        var partition = LogDigestRequest.DigestedPartition()
        partition.from = from
        partition.to = to
        var wanted = LogDigestRequest.DigestedTopic()
        wanted.name = topic
        wanted.partitions = [partition]
        var request = LogDigestRequest()
        request.topics = [wanted]
        return try #require(try bench.call(request).topics.first?.partitions.first)
    }

    @Test("Are of what is on disk, and the same in every cluster")
    func equal() throws {
        let batches = [placed(["a", "b"], at: 0), placed(["c"], at: 5, epoch: 1), placed(["d"], at: 6)]
        var expected = RangeDigest()
        _ = try joined(batches).withUnsafeReadableBytes { try expected.add(batchesIn: $0, of: 0..<100) }
        for segmentBytes in ["1000000", "100"] {
            let bench = try BrokerBench()
            try bench.createMirrorTopic("t", configs: ["segment.bytes": segmentBytes])
            var end: Offset = 0
            for batch in batches { end = try bench.mirror(batch, to: "t", end: end).logEndOffset }
            // Ranges are read segment by segment.
            var sum = RangeDigest()
            var from: Offset = 0
            while from < end {
                let told = try digest(bench, from, 1000)
                #expect(told.errorCode == 0 && told.from == from && told.to > from)
                let part =
                    UInt128(UInt64(bitPattern: told.digestHigh)) << 64 | UInt128(UInt64(bitPattern: told.digestLow))
                sum = sum + RangeDigest(batches: told.batches, records: told.records, bytes: told.bytes, sum: part)
                from = told.to
            }
            #expect(sum == expected)
            let empty = try digest(bench, 2, 5)
            #expect(empty.errorCode == 0 && empty.batches == 0 && empty.to == 5)
            let before = try digest(bench, 0, 5)
            bench.disk.rot("/data/t-0/00000000000000000000.log", at: 65)
            let after = try digest(bench, 0, 5)
            #expect(after.errorCode == 0 && after.digestLow != before.digestLow)
        }
    }

    @Test("A batch belongs to the range in which it begins, wherever ranges part")
    func parts() throws {
        let bench = try BrokerBench()
        try bench.createMirrorTopic("t", configs: ["segment.bytes": "200"])
        let starts: [Offset] = [0, 2, 9, 12]
        var end: Offset = 0
        for (start, values) in zip(starts, [["a", "b"], ["c", "d", "e"], ["f", "g"], ["h", "i", "j"]]) {
            end = try bench.mirror(placed(values, at: start), to: "t", end: end).logEndOffset
        }
        for from in 0..<end {
            for to in from + 1...end {
                var batches: Int64 = 0
                var next = from
                while next < to {
                    let told = try digest(bench, next, to)
                    #expect(told.errorCode == 0 && told.to > next)
                    batches += told.batches
                    next = told.to
                }
                #expect(Int(batches) == starts.count { (from..<to).contains($0) }, "\(from)..<\(to)")
            }
        }
    }

    @Test("Ranges that are not there are refused, with where the log is")
    func refusals() throws {
        let bench = try BrokerBench()
        try bench.createMirrorTopic("t")
        try bench.mirror(nil, to: "t", end: 0, start: 10)
        try bench.mirror(placed(["a"], at: 10), to: "t", end: 10, start: 10)
        for (from, to) in [(Offset(9), Offset(11)), (12, 12), (-1, 11), (11, 10)] {
            let told = try digest(bench, from, to)
            #expect(ErrorCode.of(told.errorCode) == .offsetOutOfRange && told.from == 10 && told.to == 11)
        }
        #expect(ErrorCode.of(try digest(bench, 0, 1, of: "absent").errorCode) == .unknownTopicOrPartition)
    }
}
