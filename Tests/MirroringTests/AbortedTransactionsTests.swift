import ClusterModel
import Mirroring
import Records
import Testing

@Suite struct AbortedTransactionsTests {
    private func header(
        _ offset: Offset, producer: ProducerID, isTransactional: Bool = true, isControl: Bool = false
    ) throws -> RecordBatchHeader {
        var builder = RecordBatchBuilder(
            attributes: BatchAttributes(isTransactional: isTransactional, isControl: isControl))
        builder.baseOffset = offset
        builder.producerID = producer
        builder.producerEpoch = 0
        builder.append(timestamp: 0, key: nil as UnsafeRawBufferPointer?, value: nil)
        return try RecordBatch(reading: builder.finish()).header
    }

    @Test func onlyAbortedBatchesAreHidden() throws {
        var aborted = AbortedTransactions([
            (producer: 7, first: 14), (producer: 7, first: 10), (producer: 8, first: 11),
        ])
        #expect(try !aborted.hide(header(9, producer: 7)))
        #expect(try aborted.hide(header(10, producer: 7)))
        #expect(try aborted.hide(header(11, producer: 8)))
        #expect(try !aborted.hide(header(12, producer: 7, isTransactional: false)))
        #expect(try !aborted.hide(header(13, producer: 7, isControl: true)))
        #expect(try aborted.hide(header(14, producer: 7)))
        #expect(try !aborted.hide(header(15, producer: 7, isControl: true)))
        #expect(try !aborted.hide(header(16, producer: 7)))
        #expect(try aborted.hide(header(17, producer: 8)))
    }

    @Test func anEarlierBeginningCountsToo() throws {
        var aborted = AbortedTransactions([(producer: 7, first: 3)])
        #expect(try aborted.hide(header(20, producer: 7)))
    }
}
