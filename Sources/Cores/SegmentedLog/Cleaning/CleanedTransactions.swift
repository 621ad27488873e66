import ClusterModel
import Records

/// Follows the transactions of a log from batch to batch while it is compacted: which batches were rolled back, and
/// which markers nothing stands for any more (KIP-98).
struct CleanedTransactions {
    private struct Aborted {
        var entry: TransactionIndexEntry
        /// Whether a batch of it still stood in the log in this round.
        var hasBatches = false
    }

    /// Those that begin further on, the next one last.
    private var pending: [TransactionIndexEntry]
    private var aborted: [ProducerID: Aborted] = [:]
    /// Producers with batches of a transaction that is not known to be rolled back.
    private var others: Set<ProducerID> = []

    /// - Parameter entries: of all transactions that were rolled back, in any order.
    init(_ entries: [TransactionIndexEntry]) {
        pending = entries.sorted { ($0.firstOffset, $0.producerID) > ($1.firstOffset, $1.producerID) }
    }

    private mutating func begin(upTo offset: Offset) {
        while let next = pending.last, next.firstOffset <= offset {
            pending.removeLast()
            if aborted[next.producerID] == nil { aborted[next.producerID] = Aborted(entry: next) }
        }
    }

    /// Passes a batch of records.
    /// - Returns: whether it was rolled back.
    mutating func pass(_ header: RecordBatchHeader) -> Bool {
        begin(upTo: header.lastOffset)
        guard header.attributes.isTransactional else { return false }
        guard aborted[header.producerID] != nil else {
            others.insert(header.producerID)
            return false
        }
        aborted[header.producerID]?.hasBatches = true
        return true
    }

    /// What is to become of a marker.
    struct Verdict {
        /// Whether no batch of its transaction is left.
        var isNeedless: Bool
        /// What the transaction index must go on to say.
        var entry: TransactionIndexEntry?
    }

    /// Passes a control batch.
    /// - Parameter marker: nil when the batch is empty or holds something else.
    mutating func pass(_ header: RecordBatchHeader, _ marker: TransactionMarker?) -> Verdict {
        begin(upTo: header.lastOffset)
        guard let marker else { return Verdict(isNeedless: header.recordCount == 0, entry: nil) }
        if marker.isCommit { return Verdict(isNeedless: others.remove(header.producerID) == nil, entry: nil) }
        guard let ended = aborted.removeValue(forKey: header.producerID), ended.hasBatches else {
            return Verdict(isNeedless: true, entry: nil)
        }
        return Verdict(isNeedless: false, entry: ended.entry)
    }
}
