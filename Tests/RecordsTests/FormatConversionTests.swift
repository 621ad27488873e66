import NIOCore
import Records
import Testing

@Suite struct FormatConversionTests {
    private func sample(_ codec: CompressionCodec, from offset: Int64 = 100) -> (ByteBuffer, [Record]) {
        var builder = RecordBatchBuilder(codec: codec)
        builder.baseOffset = offset
        var records: [Record] = []
        for place in 0..<20 {
            let timestamp = 1_700_000_000_000 + Int64(place)
            let key: ByteBuffer? = place == 3 ? nil : ByteBuffer(string: "key \(place)")
            let value: ByteBuffer? = place == 5 ? nil : ByteBuffer(repeating: UInt8(place), count: 50)
            let header = RecordHeader(name: "h", value: ByteBuffer(string: "gone"))
            builder.append(timestamp: timestamp, key: key, value: value, headers: [header])
            records.append(Record(offset: offset + Int64(place), timestamp: timestamp, key: key, value: value))
        }
        let batch = builder.finish()
        return (batch, records)
    }

    private func read(_ messages: ByteBuffer) throws -> [Record] {
        var records: [Record] = []
        var all = RecordBatches(messages)
        while let message = try all.next() {
            try message.checkCRC()
            records += try message.records()
        }
        #expect(all.position == messages.readableBytes)
        return records
    }

    @Test(arguments: [CompressionCodec.none, .gzip, .snappy, .lz4], [Int8(0), 1])
    func recordsOfANewBatchAreReadFromOldMessages(codec: CompressionCodec, magic: Int8) throws {
        let (batch, expected) = sample(codec)
        let old = try FormatConversion.downgraded(batch, to: magic)
        #expect(FormatConversion.isOld(old) && !FormatConversion.isOld(batch))
        let found = try read(old)
        var readable = expected
        if magic == 0 { for place in readable.indices { readable[place].timestamp = -1 } }
        #expect(found == readable)
        // And the way back, as if they came from an old producer.
        let new = try RecordBatch(reading: FormatConversion.upgraded(old))
        try new.checkCRC()
        #expect(new.header.magic == 2 && new.header.attributes.codec == codec && new.header.recordCount == 20)
        #expect(try new.records().map(\.value) == expected.map(\.value))
        #expect(try new.records().map(\.timestamp) == found.map(\.timestamp))
        #expect(try new.records().map(\.offset) == Array(0..<20))
    }

    @Test func whatOldFormatsHaveNoPlaceForIsLeftOut() throws {
        var control = RecordBatchBuilder(attributes: BatchAttributes(isTransactional: true, isControl: true))
        control.producerID = 1
        control.producerEpoch = 0
        let (key, value) = ControlRecord.endTransactionMarker(isCommit: true, coordinatorEpoch: 0)
        control.append(timestamp: 0, key: key, value: value)
        #expect(try FormatConversion.downgraded(control.finish(), to: 1).readableBytes == 0)
        #expect(throws: InvalidRecords.unknownCodec(4)) { try FormatConversion.downgraded(sample(.zstd).0, to: 1) }
    }

    @Test func onlySoundMessagesAreUpgraded() throws {
        let old = try FormatConversion.downgraded(sample(.none).0, to: 1)
        var torn = old
        torn.moveWriterIndex(to: torn.writerIndex - 1)
        #expect(throws: InvalidRecords.self) { try FormatConversion.upgraded(torn) }
        var rotten = old
        rotten.setInteger(UInt8(0xee), at: 40)
        #expect(throws: InvalidRecords.self) { try FormatConversion.upgraded(rotten) }
        var mixed = old
        mixed.writeImmutableBuffer(sample(.none).0)
        #expect(throws: InvalidRecords.unknownMagic(2)) { try FormatConversion.upgraded(mixed) }
        #expect(throws: InvalidRecords.self) { try FormatConversion.upgraded(ByteBuffer()) }
    }

    @Test(arguments: CompressionCodec.allCases, CompressionCodec.allCases)
    func aBatchInAnotherCodecHasTheSameRecords(from: CompressionCodec, to: CompressionCodec) throws {
        let batch = try RecordBatch(reading: sample(from).0)
        let other = try RecordBatch(reading: batch.recompressed(with: to, level: nil))
        try other.checkCRC()
        #expect(other.header.attributes.codec == to && other.header.baseOffset == 100)
        #expect(try other.records() == batch.records())
    }
}
