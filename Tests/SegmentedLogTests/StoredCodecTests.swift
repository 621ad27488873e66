import NIOCore
import Records
import SegmentedLog
import Simulation
import Testing

@Suite struct StoredCodecTests {
    @Test func theTopicsCodecCountsBeforeTheProducers() throws {
        let log = try opened(SimulatedDisk(), settings { $0.compression = .init(codec: .zstd, level: 5) })
        try log.append(joined(batch(["a", "b"], codec: .gzip), batch(["c"], codec: .zstd)))
        let batches = try log.batches()
        #expect(batches.map(\.header.attributes.codec) == [.zstd, .zstd])
        #expect(try log.values(from: 0).map(\.value) == ["a", "b", "c"])
        let plain = try opened(SimulatedDisk(), settings { $0.compression = .init(codec: .none) })
        try plain.append(batch(["a"], codec: .lz4))
        #expect(try plain.batches().map(\.header.attributes.codec) == [CompressionCodec.none])
    }

    @Test func unsoundBatchesAreNotMadeSoundByANewCodec() throws {
        let log = try opened(SimulatedDisk(), settings { $0.compression = .init(codec: .zstd) })
        var rotten = batch(["a", "b"])
        rotten.setInteger(UInt8(0xee), at: rotten.writerIndex - 3)
        #expect(try log.append(rotten).refusal?.errorCode == 2)
        #expect(log.logEndOffset == 0)
    }

    @Test func messagesOfOldProducersBecomeBatches() throws {
        let log = try opened(SimulatedDisk())
        for magic in Int8(0)...1 {
            let old = try FormatConversion.downgraded(batch(["a", "b"], codec: .gzip), to: magic)
            try log.append(old)
        }
        let batches = try log.batches()
        #expect(batches.map(\.header.magic) == [2, 2] && log.logEndOffset == 4)
        #expect(batches.map(\.header.maxTimestamp) == [-1, 1_700_000_000_001])
        #expect(try log.values(from: 0).map(\.value) == ["a", "b", "a", "b"])
    }

    @Test func aRecordTooOldIsFoundBehindTheFirst() throws {
        let log = try opened(SimulatedDisk(), settings { $0.timestampBeforeLimitInMilliseconds = 1000 })
        var builder = RecordBatchBuilder(codec: .gzip)
        let now = moment().unixMilliseconds
        for timestamp in [now, now - 1001, now] {
            builder.append(timestamp: timestamp, key: nil, value: ByteBuffer(string: "v"))
        }
        let refusal = try log.append(builder.finish()).refusal
        #expect(refusal?.errorCode == 32 && refusal?.recordErrors.map(\.recordIndex) == [1])
    }
}
