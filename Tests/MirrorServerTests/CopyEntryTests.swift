import ClusterModel
import KafkaProtocol
import Mirroring
import NIOCore
import Records
import Testing

@testable import MartletClient
@testable import MirrorServer

@Suite struct CopyEntryTests {
    private func batch(
        at offset: Offset, _ values: [String], attributes: BatchAttributes = BatchAttributes(),
        producer: ProducerID = -1
    ) -> ByteBuffer {
        var builder = RecordBatchBuilder(attributes: attributes)
        builder.baseOffset = offset
        builder.producerID = producer
        builder.producerEpoch = producer < 0 ? -1 : 0
        builder.baseSequence = producer < 0 ? -1 : 0
        for value in values { builder.append(timestamp: 5, key: nil, value: ByteBuffer(string: value)) }
        return builder.finish()
    }

    private func answer(
        _ batches: [ByteBuffer], aborted: [(producer: ProducerID, first: Offset)] = []
    ) -> RawFetch.Partition {
        var records = ByteBuffer()
        for batch in batches { records.writeImmutableBuffer(batch) }
        return RawFetch.Partition(
            partition: TopicPartition(topic: "t", partition: 0), error: .none, records: records, highWatermark: 99,
            lastStableOffset: 99, logStart: 0, aborted: aborted)
    }

    private func begun() -> CopyEntry {
        var entry = CopyEntry(remote: TopicPartition(topic: "r", partition: 0), stored: nil, leader: nil)
        entry.spareProducer = SpareProducer(id: 33)
        entry.copy.targetStands(at: .init(offset: 0, last: nil), source: 0...99)
        return entry
    }

    @Test func bytesPassUnderANewHeader() throws {
        var entry = begun()
        let first = batch(at: 0, ["a", "b"], attributes: BatchAttributes(isTransactional: true), producer: 7)
        let second = batch(at: 2, ["c"])
        let sent = try entry.take(answer([first, second])).map(\.bytes)
        #expect(sent.count == 2)
        let headers = try sent.map { bytes in
            let batch = try RecordBatch(reading: bytes)
            try batch.checkCRC()
            return batch.header
        }
        #expect(headers.map(\.producerID) == [33, 33])
        #expect(headers.map(\.baseSequence) == [0, 2])
        #expect(headers.allSatisfy { !$0.attributes.isTransactional })
        #expect(sent[0].readableBytesView.dropFirst(61).elementsEqual(first.readableBytesView.dropFirst(61)))
        #expect(entry.copy.nextOffset == 3)
    }

    @Test func markersAndAbortedRecordsStayBehind() throws {
        var entry = begun()
        let aborted = batch(at: 0, ["no"], attributes: BatchAttributes(isTransactional: true), producer: 7)
        let marker = batch(
            at: 1, ["marker"], attributes: BatchAttributes(isTransactional: true, isControl: true), producer: 7)
        let sent = try entry.take(answer([aborted, marker, batch(at: 2, ["yes"])], aborted: [(7, 0)])).map(\.bytes)
        #expect(
            try sent.map { try RecordBatch(reading: $0).records().map { $0.value.map { String(buffer: $0) } } } == [
                ["yes"]
            ])
        #expect(entry.copy.nextOffset == 3)
    }

    @Test func whatBrokersRefuseIsEncodedAnew() throws {
        var entry = begun()
        var stamped = batch(at: 0, ["a", "b"])
        stamped.withUnsafeMutableReadableBytes { BatchRewriting.setTimestamp(.logAppendTime, max: 99, of: $0) }
        let sent = try entry.take(answer([stamped])).map(\.bytes)
        let batch = try RecordBatch(reading: #require(sent.first))
        try batch.checkCRC()
        #expect(batch.header.attributes.timestampType == .createTime)
        #expect(try batch.records().map(\.timestamp) == [99, 99])
        #expect(batch.header.producerID == 33)
    }

    /// As after another mirror, or a deletion of records, that ended there.
    @Test func copyingBeginsInsideABatch() throws {
        let stored = WrittenPosition(MirroredPosition(source: 12, target: 5))
        var entry = CopyEntry(remote: TopicPartition(topic: "r", partition: 0), stored: stored, leader: nil)
        entry.spareProducer = SpareProducer(id: 33)
        entry.copy.targetStands(at: .init(offset: 5, last: nil), source: 0...99)
        let batch = batch(at: 10, ["a", "b", "c", "d"])
        let sent = try entry.take(answer([batch])).map(\.bytes)
        let first = try RecordBatch(reading: #require(sent.first))
        #expect(try first.records().map { $0.value.map { String(buffer: $0) } } == ["c", "d"])
        entry.acknowledged(at: 5, CopyLoad())
        #expect(entry.copy.acknowledged == MirroredPosition(source: 14, target: 7))
        #expect(entry.copy.offsets.translate(13) == 6)

        // What stands there is recognized when it was not written down.
        var later = CopyEntry(remote: entry.remote, stored: stored, leader: nil)
        later.spareProducer = SpareProducer(id: 34)
        later.copy.targetStands(at: .init(offset: 7, last: (first.header, first.mark)), source: 0...99)
        #expect(later.copy.state == .searching)
        #expect(try later.take(answer([batch])).isEmpty)
        #expect(later.copy.acknowledged == MirroredPosition(source: 14, target: 7))

        // Only a hole of compaction is left of it.
        var holed = CopyEntry(remote: entry.remote, stored: stored, leader: nil)
        holed.copy.targetStands(at: .init(offset: 5, last: nil), source: 0...99)
        var hollow = self.batch(at: 10, ["a", "b"])
        hollow.setInteger(Int32(3), at: hollow.readerIndex + 23)
        #expect(try holed.take(answer([hollow])).isEmpty)
        #expect(holed.copy.nextOffset == 14)
    }

    @Test func garbageIsAnError() {
        var entry = begun()
        var garbage = batch(at: 0, ["a"])
        garbage.setInteger(UInt8(9), at: garbage.readerIndex + 16)
        #expect(throws: InvalidRecords.self) { try entry.take(answer([garbage])) }
    }

    @Test func aSecondRefusalOfSequencesTakesANewProducer() throws {
        var entry = begun()
        let target = try RecordBatch(reading: batch(at: 0, ["a"], producer: 7))
        for round in 0..<2 {
            entry.interrupt(.outOfOrderSequenceNumber, now: .now, generation: round + 1)
            entry.copy.targetStands(at: .init(offset: 0, last: (target.header, target.mark)), source: 0...99)
            #expect((entry.copy.producer == nil) == (round == 1))
        }
        #expect(entry.generation == 2)
    }
}
