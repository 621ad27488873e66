import NIOCore
import Testing

@testable import Records

/// Messages of magic 0 and 1, alone and in compressed wrappers.
@Suite struct OldMessageTests {
    private func message(
        magic: Int8, offset: Int64, timestamp: Int64 = 0, attributes: UInt8 = 0, key: ByteBuffer?, value: ByteBuffer?
    ) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(magic)
        body.writeInteger(attributes)
        if magic == 1 { body.writeInteger(timestamp) }
        for field in [key, value] {
            body.writeInteger(Int32(field?.readableBytes ?? -1))
            if let field { body.writeImmutableBuffer(field) }
        }
        var message = ByteBuffer()
        message.writeInteger(offset)
        message.writeInteger(Int32(body.readableBytes + 4))
        message.writeInteger(body.withUnsafeReadableBytes { crc32($0) })
        message.writeImmutableBuffer(body)
        return message
    }

    private func wrapper(
        magic: Int8, offset: Int64, timestamp: Int64 = 0, codec: CompressionCodec, stampedByBroker: Bool = false,
        _ inner: [ByteBuffer]
    ) -> ByteBuffer {
        var set = ByteBuffer()
        for message in inner { set.writeImmutableBuffer(message) }
        var compressed = ByteBuffer()
        set.withUnsafeReadableBytes { codec.compress($0, into: &compressed) }
        return message(
            magic: magic, offset: offset, timestamp: timestamp, attributes: codec.rawValue | (stampedByBroker ? 8 : 0),
            key: nil, value: compressed)
    }

    @Test func plainMessagesAreOneRecordEach() throws {
        var set = message(magic: 0, offset: 3, key: nil, value: bytes("zero"))
        set.writeImmutableBuffer(message(magic: 1, offset: 4, timestamp: 77, key: bytes("k"), value: nil))
        set.writeImmutableBuffer(message(magic: 1, offset: 5, timestamp: 78, key: bytes(""), value: bytes("")))
        let batches = try soundBatches(set)
        #expect(batches.map(\.header.lastOffset) == [3, 4, 5])
        #expect(batches.map(\.header.recordCount) == [1, 1, 1])
        #expect(batches.map(\.header.maxTimestamp) == [-1, 77, 78])
        #expect(
            try batches.flatMap { try $0.records() } == [
                Record(offset: 3, timestamp: -1, key: nil, value: bytes("zero")),
                Record(offset: 4, timestamp: 77, key: bytes("k"), value: nil),
                Record(offset: 5, timestamp: 78, key: bytes(""), value: bytes("")),
            ])
    }

    @Test(arguments: [CompressionCodec.gzip, .snappy, .lz4])
    func offsetsInWrappersOfMagic1AreRelative(codec: CompressionCodec) throws {
        // A cleaner has taken out the record at 1.
        let inner = [0, 2, 3].map {
            message(magic: 1, offset: $0, timestamp: 10 + $0, key: nil, value: bytes("v\($0)"))
        }
        let batch = try RecordBatch(reading: wrapper(magic: 1, offset: 103, timestamp: 13, codec: codec, inner))
        #expect(batch.header.recordCount == -1)
        #expect(batch.header.lastOffset == 103)
        let records = try batch.records()
        #expect(records.map(\.offset) == [100, 102, 103])
        #expect(records.map(\.timestamp) == [10, 12, 13])
        #expect(records.map(\.value) == [bytes("v0"), bytes("v2"), bytes("v3")])
    }

    @Test func aWrapperStampedByTheBrokerStampsItsRecords() throws {
        let inner = [0, 1].map { message(magic: 1, offset: $0, timestamp: 10, key: nil, value: nil) }
        let outer = wrapper(magic: 1, offset: 1, timestamp: 500, codec: .gzip, stampedByBroker: true, inner)
        #expect(try RecordBatch(reading: outer).records().map(\.timestamp) == [500, 500])
    }

    @Test func offsetsInWrappersOfMagic0AreAbsolute() throws {
        let inner = [7, 8].map { message(magic: 0, offset: $0, key: nil, value: bytes("v")) }
        let outer = wrapper(magic: 0, offset: 8, codec: .snappy, inner)
        #expect(try RecordBatch(reading: outer).records().map(\.offset) == [7, 8])
    }

    /// As kafka-python 3.0 encodes three records for the oldest brokers: lz4 with the historically wrong checksum of its
    /// header in magic 0, framed snappy in magic 1.
    @Test(arguments: [
        """
        000000000000000000\
        00006f4293f68c0003ffffffff0000006104224d1860401a5200000016000100f307155a74ea750000ffffffff0000000776616c756520\
        3020009101000000179160c512100036026b312300000b0000020010022300407ff746580d00f00000026b320000000776616c75652032\
        00000000
        """,
        """
        0000000000000002000000\
        87f890b8e601020000000000000000ffffffff0000007182534e415050590000000001000000010000005d7f00001901741db5af289301\
        000000018bcfe56800ffffffff0000000776616c756520300d280120101f037c6bde01090529010908026b31192b010b010120020000001f\
        076d35f60122052b011234026b320000000776616c75652032
        """,
    ])
    func anotherClientsWrappersAreRead(hex: String) throws {
        let digits = Array(hex)
        let message = ByteBuffer(
            bytes: try stride(from: 0, to: digits.count, by: 2).map { place in
                try #require(UInt8(String(digits[place...place + 1]), radix: 16))
            })
        let batch = try RecordBatch(reading: message)
        try batch.checkCRC()
        let records = try batch.records()
        #expect(records.map(\.offset) == [0, 1, 2])
        #expect(records.map(\.key) == [nil, bytes("k1"), bytes("k2")])
        #expect(records.map(\.value) == [bytes("value 0"), bytes("value 1"), bytes("value 2")])
        #expect(records[2].timestamp == (batch.header.magic == 0 ? -1 : 1_700_000_000_002))
    }

    @Test func wrappersThatMakeNoSenseAreRefused() throws {
        let plain = message(magic: 1, offset: 0, key: nil, value: bytes("v"))
        let nested = wrapper(magic: 1, offset: 0, codec: .gzip, [wrapper(magic: 1, offset: 0, codec: .gzip, [plain])])
        let mixed = wrapper(
            magic: 1, offset: 0, codec: .gzip, [message(magic: 0, offset: 0, key: nil, value: nil)])
        let empty = wrapper(magic: 1, offset: 0, codec: .gzip, [])
        var half = plain
        half.moveWriterIndex(to: plain.writerIndex - 1)
        let cut = wrapper(magic: 1, offset: 0, codec: .gzip, [plain, half])
        let unknown = message(magic: 1, offset: 0, attributes: 6, key: nil, value: bytes("v"))
        let valueless = message(magic: 1, offset: 0, attributes: 1, key: nil, value: nil)
        for message in [nested, mixed, empty, cut, unknown, valueless] {
            #expect(throws: InvalidRecords.self) { try RecordBatch(reading: message).records() }
        }
    }

    @Test func everyTruncationAndFlipIsRefusedOrHarmless() throws {
        let inner = [0, 1].map { message(magic: 1, offset: $0, timestamp: 10, key: bytes("k"), value: bytes("value")) }
        let whole = wrapper(magic: 1, offset: 1, codec: .lz4, inner)
        for length in 0..<whole.readableBytes {
            var batches = RecordBatches(try #require(whole.getSlice(at: 0, length: length)))
            #expect(try batches.next() == nil)
        }
        for bit in 0..<whole.readableBytes * 8 {
            var flipped = whole
            flipped.setInteger(whole.readableBytesView[bit / 8] ^ (1 << (bit % 8)), at: bit / 8)
            guard let batch = try? RecordBatch(reading: flipped), batch.header.magic < 2 else { continue }
            if bit / 8 >= 12 { #expect(throws: InvalidRecords.self) { try batch.checkCRC() } }
            if let records = try? batch.records(limit: 1 << 20) { #expect(records.count <= 2) }
        }
    }
}
