import CSnappy
import NIOCore
import Testing

@testable import Records

/// What an inspector says of a batch, against decoding all of its records.
@Suite struct RecordInspectorTests {
    private let inspector = RecordInspector()

    private func encoded(_ records: [Record]) throws -> RecordBatch {
        var builder = RecordBatchBuilder()
        for record in records {
            builder.append(timestamp: record.timestamp, key: record.key, value: record.value, headers: record.headers)
        }
        return try RecordBatch(reading: builder.finish())
    }

    /// A batch of these bytes, compressed, which may be no records.
    private func batch(of body: ByteBuffer, count: Int, codec: CompressionCodec) throws -> RecordBatch {
        var header = try encoded([Record(timestamp: 1000, key: nil, value: nil)]).header
        header.attributes.codec = codec
        header.recordCount = Int32(count)
        header.lastOffsetDelta = Int32(count - 1)
        return try RecordBatch(reading: header.batch(of: body))
    }

    private func body(_ batch: RecordBatch) -> ByteBuffer {
        ByteBuffer(bytes: batch.bytes.readableBytesView.dropFirst(RecordBatchHeader.sizeInBytes))
    }

    private func inspect(
        _ batch: RecordBatch, _ rules: RecordRules = RecordRules(), with inspector: RecordInspector? = nil
    ) throws(InvalidRecords) -> RecordFindings {
        try batch.bytes.withBytes { raw throws(InvalidRecords) in
            try (inspector ?? self.inspector).inspect(raw, batch.header, rules: rules)
        }
    }

    @Test(arguments: CompressionCodec.allCases)
    func soundBatchesPassThroughWindowsOfAnySize(codec: CompressionCodec) throws {
        var generator = SeededGenerator(seed: 7)
        for size in [64, 65, 100, 1000, 256 << 10] {
            // One inspector for all: nothing of one batch may stay for the next.
            let inspector = RecordInspector(limit: 1 << 20, windowSize: size)
            for count in [1, 2, 60] {
                let records = (0..<count).map { index in
                    generator.record(offset: Int64(index), timestamp: .random(in: -1...1 << 42, using: &generator))
                }
                let sound = try batch(of: body(encoded(records)), count: count, codec: codec)
                var header = sound.header
                header.baseTimestamp = records[0].timestamp
                let found = try inspect(RecordBatch(header: header, bytes: sound.bytes), with: inspector)
                #expect(found.maxTimestamp == records.map(\.timestamp).max(), "window of \(size)")
                #expect(found.areOffsetsConsecutive && found.untimely.isEmpty && found.keyless.isEmpty)
            }
        }
    }

    @Test(arguments: CompressionCodec.allCases)
    func wrongCountsAreFound(codec: CompressionCodec) throws {
        let records = (0..<3).map { Record(timestamp: 1000 + Int64($0), key: nil, value: bytes("value \($0)")) }
        let body = body(try encoded(records))
        for (count, place) in [(1, 1), (2, 2), (4, 3), (1000, 3), (Int(Int32.max), 3)] {
            let forged = try batch(of: body, count: count, codec: codec)
            #expect(throws: InvalidRecords.malformedRecord(index: place)) { try inspect(forged) }
        }
        #expect(try inspect(batch(of: body, count: 3, codec: codec)).maxTimestamp == 1002)
    }

    @Test(arguments: CompressionCodec.allCases)
    func whatIsCutOffIsMissed(codec: CompressionCodec) throws {
        var generator = SeededGenerator(seed: 8)
        let records = (0..<4).map { generator.record(offset: Int64($0), timestamp: 5) }
        let whole = body(try encoded(records))
        for length in 0..<whole.readableBytes {
            let cut = try batch(of: #require(whole.getSlice(at: 0, length: length)), count: 4, codec: codec)
            #expect(throws: InvalidRecords.self, "\(length) bytes") { try inspect(cut) }
        }
        var longer = whole
        longer.writeInteger(UInt8(0))
        #expect(throws: InvalidRecords.malformedRecord(index: 4)) {
            try inspect(batch(of: longer, count: 4, codec: codec))
        }
    }

    /// Whatever the bytes are, the inspector and the decoder agree on whether they are records.
    @Test(arguments: CompressionCodec.allCases)
    func otherBytesAreJudgedAsByDecoding(codec: CompressionCodec) throws {
        // What may become a header's name has to be text for the decoder.
        let records = (0..<4).map { index in
            Record(timestamp: 5, key: bytes("\u{1}\0"), value: index == 2 ? nil : bytes("\u{2}v\u{1}\0\u{3}w"))
        }
        let whole = body(try encoded(records))
        let inspector = RecordInspector(limit: 1 << 20, windowSize: 64)
        var taken = 0
        for place in 0..<whole.readableBytes {
            for value in [0, 1, 2, 0x7f, 0x80, 0xff, UInt8(place)] {
                var changed = whole
                changed.setInteger(value, at: place)
                let batch = try batch(of: changed, count: 4, codec: codec)
                let decoded = try? batch.records()
                let found = try? inspect(batch, with: inspector)
                #expect((decoded == nil) == (found == nil), "\(value) at \(place)")
                guard let decoded, let found else { continue }
                taken += 1
                #expect(found.maxTimestamp == max(-1, decoded.map(\.timestamp).max() ?? -1))
                #expect(found.areOffsetsConsecutive == (decoded.map(\.offset) == [0, 1, 2, 3]))
            }
        }
        #expect(taken > 50)
    }

    @Test(arguments: [CompressionCodec.gzip, .snappy, .lz4, .zstd])
    func streamsThatAreNoneAreRefused(codec: CompressionCodec) throws {
        var generator = SeededGenerator(seed: 10)
        let records = (0..<50).map { generator.record(offset: Int64($0), timestamp: 5) }
        let sound = try batch(of: body(encoded(records)), count: 50, codec: codec)
        var cut = sound
        cut.header.batchLength -= 1
        cut.bytes = try #require(sound.bytes.getSlice(at: 0, length: sound.bytes.readableBytes - 1))
        #expect(throws: InvalidRecords.corruptCompression(codec)) { try inspect(cut) }
        var longer = sound
        longer.bytes.writeInteger(UInt8(0x55))
        longer.header.batchLength += 1
        #expect(throws: InvalidRecords.corruptCompression(codec)) { try inspect(longer) }
        for start in [bytes(""), bytes("no stream at all, but some text of some length")] {
            var none = sound
            none.bytes = ByteBuffer(bytes: sound.bytes.readableBytesView.prefix(RecordBatchHeader.sizeInBytes))
            none.bytes.writeImmutableBuffer(start)
            #expect(throws: InvalidRecords.corruptCompression(codec)) { try inspect(none) }
        }
        // After all that the decoder is as good as new.
        #expect(try inspect(sound).maxTimestamp == 1000)
    }

    /// A value of zeros, as large as its length says.
    @Test(arguments: [CompressionCodec.gzip, .snappy, .lz4, .zstd])
    func bombsAreRefused(codec: CompressionCodec) throws {
        let record = Record(timestamp: 5, key: nil, value: ByteBuffer(repeating: 0, count: 10_000_000))
        let size = body(try encoded([record])).readableBytes
        let bomb = try batch(of: body(try encoded([record])), count: 1, codec: codec)
        let tight = RecordInspector(limit: size - 1, windowSize: 4096)
        #expect(throws: InvalidRecords.tooLarge(limitInBytes: size - 1)) { try inspect(bomb, with: tight) }
        #expect(try inspect(bomb, with: RecordInspector(limit: size, windowSize: 4096)).maxTimestamp == 1000)
    }

    @Test func rawSnappyIsRead() throws {
        let records = (0..<2000).map { Record(timestamp: Int64($0), key: nil, value: bytes("a value of some length")) }
        let plain = try encoded(records)
        var header = plain.header
        header.attributes.codec = .snappy
        var raw = ByteBuffer(repeating: 0, count: RecordBatchHeader.sizeInBytes)
        body(plain).withUnsafeReadableBytes { text in
            var length = snappy_max_compressed_length(text.count)
            raw.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { output in
                snappy_compress(
                    text.bindMemory(to: CChar.self).baseAddress, text.count,
                    output.bindMemory(to: CChar.self).baseAddress, &length)
                return length
            }
        }
        let small = RecordInspector(limit: 1 << 20, windowSize: 64)
        for _ in 0..<2 {
            #expect(try inspect(RecordBatch(header: header, bytes: raw), with: small).maxTimestamp == 1999)
        }
    }

    @Test func rulesAreHeldAgainstEveryRecord() throws {
        let times: [Int64] = [100, 99, 200, 201, -1]
        let batch = try encoded(
            times.enumerated().map { Record(timestamp: $1, key: $0 == 1 ? nil : bytes(""), value: nil) })
        var rules = RecordRules()
        rules.earliest = 100
        rules.latest = 200
        rules.requiresKeys = true
        let found = try inspect(batch, rules)
        #expect(found.untimely.map(\.recordIndex) == [1, 3] && found.untimely.map(\.timestamp) == [99, 201])
        #expect(found.keyless == [1])
        let many = try encoded((0..<200).map { _ in Record(timestamp: 1, key: nil, value: nil) })
        #expect(try inspect(many, rules).keyless == Array(0..<100))
    }

    @Test func anUnknownCodecIsRefused() throws {
        var batch = try encoded([Record(timestamp: 1, key: nil, value: nil)])
        batch.header.attributes.bits |= 7
        #expect(throws: InvalidRecords.unknownCodec(7)) { try inspect(batch) }
    }
}
