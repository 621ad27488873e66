import NIOCore
import Testing

@testable import Records

/// Batches as Apache Kafka 3.9 wrote them, with the records its own dump tool shows.
@Suite struct GoldenBatchTests {
    /// What the fixtures' producers sent as record `index`.
    private func sent(_ index: Int, codec: String, offset: Int64) -> Record {
        let tail = String(repeating: "z", count: index % 90)
        return Record(
            offset: offset, timestamp: 1_700_000_000_000 + Int64(index) * 1000,
            key: index % 7 == 0 ? nil : bytes("key-\(index % 11)"),
            value: index % 13 == 0 ? nil : bytes("\(codec) value \(index) \(tail)"),
            headers: index % 5 != 0
                ? []
                : [
                    RecordHeader(name: "h1", value: bytes("v1")),
                    RecordHeader(name: "ключ", value: ByteBuffer(bytes: [0x00, 0xff])),
                    RecordHeader(name: "h1", value: bytes("again")), RecordHeader(name: "null", value: nil),
                ])
    }

    @Test(arguments: [
        ("orders-0.log", "none", Int64(0)), ("orders-1.log", "gzip", 0), ("orders-2.log", "snappy", 0),
        ("orders-3.log", "lz4", 0), ("orders-0-at-200.log", "zstd", 200),
    ])
    func everyCodecReads(file: String, codec: String, baseOffset: Int64) throws {
        let batches = try soundBatches(try fixture(file))
        let batch = try #require(batches.first)
        #expect(batches.count == 1)
        #expect(batch.header.attributes.codec == CompressionCodec(name: codec))
        #expect(batch.header.nextOffset == baseOffset + 200)
        #expect(batch.header.recordCount == 200)
        try batch.header.checkCount()
        let expected = (0..<200).map { sent($0, codec: codec, offset: baseOffset + Int64($0)) }
        #expect(try batch.records() == expected)
    }

    @Test func producersStandInTheHeader() throws {
        let header = try #require(try soundBatches(try fixture("orders-0-at-200.log")).first).header
        #expect(header.producerID == 1000)
        #expect(header.producerEpoch == 0)
        #expect(header.baseSequence == 0)
        #expect(header.lastSequence == 199)
        #expect(header.maxTimestamp == 1_700_000_199_000)
        #expect(header.deleteHorizon == nil)
        #expect(!header.attributes.isTransactional)
    }

    @Test func transactionsEndWithMarkers() throws {
        let batches = try soundBatches(try fixture("transactions.log"))
        #expect(batches.count == 12)
        #expect(batches.allSatisfy { $0.header.attributes.isTransactional })
        #expect(batches.filter(\.header.attributes.isControl).map(\.header.baseOffset) == [15, 31, 47, 63, 79, 95])
        let outcomes = try batches.filter(\.header.attributes.isControl).map { try ControlRecord($0.records()[0]) }
        #expect(
            outcomes
                == [true, true, false, false, true, true].map { .endTransaction(isCommit: $0, coordinatorEpoch: 0) })
        let aborted = try batches[4].records()[3]
        #expect(aborted.value == bytes("txn 1 record 6 aborted"))
    }
}
