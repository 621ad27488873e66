import ClusterModel
import Records

/// Which batches of one fetch belong to transactions that were aborted, and are hidden from readers of committed ones
/// (KIP-98).
package struct AbortedTransactions: Sendable {
    /// In order of their first offsets.
    private var ahead: [(producer: ProducerID, first: Offset)]
    private var open: Set<ProducerID> = []

    /// - Parameter transactions: as the fetch tells them, in any order.
    package init(_ transactions: [(producer: ProducerID, first: Offset)]) {
        ahead = transactions.sorted { $0.first > $1.first }
    }

    /// Whether the fetch's next batch is to be hidden.
    package mutating func hide(_ header: RecordBatchHeader) -> Bool {
        while let next = ahead.last, next.first <= header.lastOffset {
            open.insert(next.producer)
            ahead.removeLast()
        }
        if header.attributes.isControl {
            // Of a producer with an aborted transaction, the first marker is the one that aborts it.
            open.remove(header.producerID)
            return false
        }
        return header.attributes.isTransactional && open.contains(header.producerID)
    }
}
