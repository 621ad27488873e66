import NIOCore
import Records

/// The control record with which a transaction coordinator ends a transaction in a partition.
struct TransactionMarker {
    var isCommit: Bool
    var coordinatorEpoch: Int32

    /// The marker in a control batch; nil when it holds control records of another kind.
    init?(_ batch: RecordBatch) throws(InvalidRecords) {
        var records = try RecordIterator(batch)
        guard let record = try records.next() else { return nil }
        guard case .endTransaction(let isCommit, let coordinatorEpoch) = try ControlRecord(record) else { return nil }
        self.isCommit = isCommit
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// The marker in a control batch whose bytes these are.
    init?(_ header: RecordBatchHeader, copying bytes: UnsafeRawBufferPointer) throws(InvalidRecords) {
        try self.init(RecordBatch(header: header, bytes: ByteBuffer(bytes: bytes)))
    }
}
