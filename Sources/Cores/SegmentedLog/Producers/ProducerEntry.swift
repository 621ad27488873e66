import ClusterModel
import Records

/// What the log knows of one producer id: its epoch, its last batches and whether its transaction is open.
package struct ProducerEntry: Sendable {
    /// One batch, as far as telling a repetition needs.
    package struct Batch: Sendable, Equatable {
        package var lastSequence: Int32
        package var lastOffset: Offset
        /// From the first offset to the last.
        package var offsetDelta: Int32
        /// The batch's largest, in milliseconds since 1970.
        package var timestamp: Int64

        package var firstOffset: Offset { lastOffset - Offset(offsetDelta) }
        package var firstSequence: Int32 {
            let sequence = Int64(lastSequence) - Int64(offsetDelta)
            return Int32(sequence < 0 ? sequence + Int64(Int32.max) + 1 : sequence)
        }
    }

    /// As many batches as a producer may have in flight.
    static let rememberedBatches = 5

    package var epoch: Int16
    private var batches: InlineArray<5, Batch>
    private var batchCount = 0
    /// The epoch of the transaction coordinator that wrote the last marker; -1 for none.
    package var coordinatorEpoch: Int32 = -1
    /// Where the open transaction begins; nil when none is open.
    package var transactionFirstOffset: Offset?
    /// Of the last batch or marker, in milliseconds since 1970.
    package var lastTimestamp: Int64

    init(epoch: Int16, lastTimestamp: Int64) {
        self.epoch = epoch
        self.lastTimestamp = lastTimestamp
        batches = InlineArray(repeating: Batch(lastSequence: -1, lastOffset: -1, offsetDelta: 0, timestamp: -1))
    }

    package var lastBatch: Batch? { batchCount == 0 ? nil : batches[batchCount - 1] }

    /// Those remembered before the last, oldest first.
    var earlierBatches: [Batch] { (0..<max(0, batchCount - 1)).map { batches[$0] } }

    /// -1 when no batch of the epoch is known.
    package var lastSequence: Int32 { lastBatch?.lastSequence ?? -1 }

    mutating func raiseEpoch(to epoch: Int16) {
        guard epoch != self.epoch else { return }
        self.epoch = epoch
        batchCount = 0
    }

    mutating func add(_ batch: Batch) {
        if batchCount == Self.rememberedBatches {
            for place in 1..<batchCount { batches[place - 1] = batches[place] }
            batchCount -= 1
        }
        batches[batchCount] = batch
        batchCount += 1
        lastTimestamp = batch.timestamp
    }

    /// The remembered batch that `header` repeats.
    func repeated(by header: RecordBatchHeader) -> Batch? {
        guard header.producerEpoch == epoch else { return nil }
        for place in 0..<batchCount
        where batches[place].firstSequence == header.baseSequence
            && batches[place].lastSequence == header.lastSequence
        {
            return batches[place]
        }
        return nil
    }
}
