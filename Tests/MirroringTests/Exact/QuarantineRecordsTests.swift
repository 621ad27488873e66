import NIOCore
import Records
import Testing

@testable import Mirroring

@Suite struct QuarantineRecordsTests {
    /// The records of a batch.
    private func records(_ builder: RecordBatchBuilder) throws -> [Record] {
        var builder = builder
        var batches = RecordBatches(builder.finish())
        var iterator = try RecordIterator(try #require(try batches.next()))
        var records: [Record] = []
        while let record = try iterator.next() { records.append(record) }
        return records
    }

    @Test func longNamesAreCutAndStayApart() {
        #expect(QuarantineRecords.topic(of: "orders", homeEpoch: 3) == "mirror-quarantine.orders.3.internal")
        let fitting = QuarantineRecords.topic(of: String(repeating: "t", count: 220), homeEpoch: 3)
        #expect(fitting == "mirror-quarantine.\(String(repeating: "t", count: 220)).3.internal")
        let long = ["a", "b"].map { String(repeating: "t", count: 248) + $0 }
        let names = Set(long.map { QuarantineRecords.topic(of: $0, homeEpoch: .max) })
        #expect(names.count == 2)
        #expect(names.allSatisfy { $0.utf8.count <= 249 && $0.hasSuffix(".\(Int32.max).internal") })
    }

    @Test func aRecordSaysWhereItStood() throws {
        var plain = RecordBatchBuilder()
        plain.append(timestamp: 1, key: ByteBuffer(string: "k"), value: ByteBuffer(string: "v"))
        let record = try #require(try records(plain).first)
        #expect(record.quarantinedPlace == nil)
        var kept = RecordBatchBuilder()
        kept.append(quarantined: record, of: 3)
        let found = try #require(try records(kept).first)
        #expect(try #require(found.quarantinedPlace) == (3, record.offset))
        #expect(found.key == record.key && found.value == record.value)
    }

    /// A record that came from a quarantine topic itself says where it stood last.
    @Test func theLastPlaceCounts() throws {
        var batch = RecordBatchBuilder()
        batch.append(timestamp: 1, key: nil, value: ByteBuffer(string: "v"))
        for partition in Int32(1)...2 {
            let record = try #require(try records(batch).first)
            batch = RecordBatchBuilder()
            batch.append(quarantined: record, of: partition)
        }
        #expect(try records(batch).first?.quarantinedPlace?.partition == 2)
    }

    @Test func whatIsNoNumberIsNoPlace() throws {
        var builder = RecordBatchBuilder()
        builder.append(
            timestamp: 1, key: nil, value: ByteBuffer(),
            headers: [
                RecordHeader(name: QuarantineRecords.partitionHeader, value: ByteBuffer(string: "x")),
                RecordHeader(name: QuarantineRecords.offsetHeader, value: ByteBuffer(string: "1")),
            ])
        #expect(try records(builder).first?.quarantinedPlace == nil)
    }
}
