import NIOCore
import Testing

@testable import Records

@Suite struct RecordBatchTests {
    private func batch(_ records: [Record], codec: CompressionCodec, level: Int? = nil) throws -> RecordBatch {
        var builder = RecordBatchBuilder(codec: codec, level: level)
        for record in records {
            builder.append(timestamp: record.timestamp, key: record.key, value: record.value, headers: record.headers)
        }
        return try RecordBatch(reading: builder.finish())
    }

    @Test(arguments: CompressionCodec.allCases, [1, 2, 3] as [UInt64])
    func recordsComeBack(codec: CompressionCodec, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for count in [1, 2, 17, 400] {
            let records = (0..<count).map { index in
                generator.record(offset: Int64(index), timestamp: .random(in: 0...1 << 42, using: &generator))
            }
            let batch = try batch(records, codec: codec)
            try batch.checkCRC()
            try batch.header.checkCount()
            #expect(batch.header.attributes.codec == codec)
            #expect(batch.header.maxTimestamp == records.map(\.timestamp).max())
            #expect(batch.header.baseTimestamp == records[0].timestamp)
            #expect(try batch.records() == records)
        }
    }

    @Test func levelsAreHeeded() throws {
        let text = (0..<4000).map { "the \($0 % 97)th line of \($0 % 13)" }.joined()
        let records = [Record(timestamp: 0, key: nil, value: bytes(text))]
        for codec in [CompressionCodec.gzip, .lz4, .zstd] {
            let fast = try batch(records, codec: codec, level: 1)
            let small = try batch(records, codec: codec, level: 9)
            #expect(small.bytes.readableBytes < fast.bytes.readableBytes, "\(codec)")
            #expect(try small.records() == records)
        }
    }

    @Test func aBuilderIsUsedAgainWithoutHarmToItsBatches() throws {
        for codec in [CompressionCodec.none, .lz4] {
            var builder = RecordBatchBuilder(codec: codec)
            builder.append(timestamp: 1, key: nil, value: bytes("first"))
            let first = builder.finish()
            let copy = ByteBuffer(bytes: first.readableBytesView)
            #expect(builder.isEmpty)
            builder.baseSequence = 7
            builder.append(timestamp: 2, key: nil, value: bytes("other"))
            #expect(builder.count == 1)
            let second = try RecordBatch(reading: builder.finish())
            #expect(first == copy)
            #expect(second.header.baseSequence == 7)
            #expect(try second.records().map(\.value) == [bytes("other")])
        }
    }

    @Test func everyTruncationIsNoticed() throws {
        let whole = try fixture("orders-3.log")
        for length in 0..<whole.readableBytes {
            var batches = RecordBatches(try #require(whole.getSlice(at: 0, length: length)))
            #expect(try batches.next() == nil)
            #expect(batches.position == 0)
        }
    }

    @Test(arguments: CompressionCodec.allCases)
    func everyTruncationInsideTheRecordsIsRefused(codec: CompressionCodec) throws {
        var generator = SeededGenerator(seed: 4)
        let records = (0..<12).map { generator.record(offset: Int64($0), timestamp: 5) }
        let whole = try batch(records, codec: codec)
        for length in RecordBatchHeader.sizeInBytes..<whole.bytes.readableBytes {
            var cut = whole
            cut.header.batchLength = Int32(length - RecordBatchHeader.overheadInBytes)
            #expect(throws: InvalidRecords.self, "\(length)") { try cut.records() }
        }
    }

    @Test(arguments: CompressionCodec.allCases)
    func flippedBitsNeverTrapAndFailTheCRC(codec: CompressionCodec) throws {
        var generator = SeededGenerator(seed: 5)
        let records = (0..<5).map { generator.record(offset: Int64($0), timestamp: 5) }
        let whole = try batch(records, codec: codec).bytes
        for bit in 0..<whole.readableBytes * 8 {
            var flipped = whole
            flipped.setInteger(
                try #require(whole.getInteger(at: bit / 8, as: UInt8.self)) ^ (1 << (bit % 8)), at: bit / 8)
            guard let batch = try? RecordBatch(reading: flipped) else { continue }
            if bit / 8 >= RecordBatchHeader.checkedFrom {
                #expect(throws: InvalidRecords.self) { try batch.checkCRC() }
            }
            // Some flips leave other, well-formed records; none may trap or run wild.
            if let records = try? batch.records(limit: 1 << 20) { #expect(records.count <= 5) }
        }
    }

    @Test func impossibleHeadersAreRefused() throws {
        let whole = try fixture("orders-3.log")
        func reading(_ change: (inout ByteBuffer) -> Void) throws -> RecordBatch {
            var changed = whole
            change(&changed)
            return try RecordBatch(reading: changed)
        }
        #expect(throws: InvalidRecords.batchTooShort(length: 48)) { try reading { $0.setInteger(Int32(48), at: 8) } }
        #expect(throws: InvalidRecords.batchTooShort(length: -1)) { try reading { $0.setInteger(Int32(-1), at: 8) } }
        #expect(throws: InvalidRecords.unknownMagic(3)) { try reading { $0.setInteger(Int8(3), at: 16) } }
        let size = whole.readableBytes
        #expect(throws: InvalidRecords.truncated(needed: size + 1, available: size)) {
            try reading { $0.setInteger(Int32(size - 11), at: 8) }
        }
        #expect(throws: InvalidRecords.wrongRecordCount(count: 200, lastOffsetDelta: 198)) {
            try reading { $0.setInteger(Int32(198), at: 23) }.header.checkCount()
        }
        #expect(throws: InvalidRecords.wrongRecordCount(count: -1, lastOffsetDelta: -2)) {
            try reading {
                $0.setInteger(Int32(-2), at: 23)
                $0.setInteger(Int32(-1), at: 57)
            }.header.checkCount()
        }
        #expect(throws: InvalidRecords.unknownCodec(7)) { try reading { $0.setInteger(UInt16(7), at: 21) }.records() }
        #expect(throws: InvalidRecords.malformedRecord(index: 200)) {
            try reading { $0.setInteger(Int32.max, at: 57) }.records()
        }
        #expect(throws: InvalidRecords.malformedRecord(index: 199)) {
            try reading { $0.setInteger(Int32(199), at: 57) }.records()
        }
    }

    @Test func sequencesGoOnWithZero() throws {
        var header = try RecordBatch(reading: fixture("orders-3.log")).header
        header.baseSequence = Int32.max - 99
        #expect(header.lastSequence == 99)
        header.baseSequence = Int32.max - 199
        #expect(header.lastSequence == Int32.max)
    }

    @Test func rewritingKeepsTheBatchSound() throws {
        var buffer = try fixture("orders-3.log")
        let records = try RecordBatch(reading: buffer).records()
        buffer.withUnsafeMutableReadableBytes { BatchRewriting.place($0, at: 1000, leaderEpoch: 7) }
        var batch = try RecordBatch(reading: buffer)
        try batch.checkCRC()
        #expect(batch.header.baseOffset == 1000)
        #expect(batch.header.leaderEpoch == 7)
        #expect(try batch.records().map(\.offset) == records.map { $0.offset + 1000 })

        buffer.withUnsafeMutableReadableBytes { BatchRewriting.setTimestamp(.logAppendTime, max: 99, of: $0) }
        batch = try RecordBatch(reading: buffer)
        try batch.checkCRC()
        #expect(try batch.records().allSatisfy { $0.timestamp == 99 })

        buffer.withUnsafeMutableReadableBytes { raw in
            BatchRewriting.setProducer(
                id: 55, epoch: 3, baseSequence: 12,
                in: UnsafeMutableRawBufferPointer(rebasing: raw[..<RecordBatchHeader.sizeInBytes]))
        }
        batch = try RecordBatch(reading: buffer)
        try batch.checkCRC()
        #expect(batch.header.baseOffset == 0)
        #expect(batch.header.producerID == 55)
        #expect(batch.header.producerEpoch == 3)
        #expect(batch.header.baseSequence == 12)
    }

    @Test func markersComeBack() throws {
        let marker = ControlRecord.endTransactionMarker(isCommit: true, coordinatorEpoch: 9)
        let record = Record(timestamp: 0, key: marker.key, value: marker.value)
        #expect(try ControlRecord(record) == .endTransaction(isCommit: true, coordinatorEpoch: 9))
        for (key, value) in [
            (nil, nil), (bytes("\0\0\0"), nil), (marker.key, bytes("\0\0\0\0\0")), (bytes("\u{7f}"), marker.value),
        ] as [(ByteBuffer?, ByteBuffer?)] {
            #expect(throws: InvalidRecords.malformedControlRecord) {
                try ControlRecord(Record(timestamp: 0, key: key, value: value))
            }
        }
    }
}
