import ClusterModel
import Records

/// A transaction that ended.
struct CompletedTransaction: Equatable {
    var producerID: ProducerID
    var firstOffset: Offset
    /// The marker's.
    var lastOffset: Offset
    var isAborted: Bool
}

/// All producer ids that a log knows, and the transactions that keep its last stable offset back (KIP-98).
struct ProducerStates {
    struct OpenTransaction: Equatable {
        var firstOffset: Offset
        var producerID: ProducerID
    }

    private(set) var entries: [ProducerID: ProducerEntry] = [:]
    /// By first offset.
    private(set) var openTransactions: [OpenTransaction] = []
    /// Ended with a marker that is not known to be committed, by first offset.
    private var undecided: [CompletedTransaction] = []

    init() {}

    init(_ entries: [ProducerID: ProducerEntry]) {
        self.entries = entries
        for (id, entry) in entries {
            guard let first = entry.transactionFirstOffset else { continue }
            openTransactions.append(OpenTransaction(firstOffset: first, producerID: id))
        }
        openTransactions.sort { ($0.firstOffset, $0.producerID) < ($1.firstOffset, $1.producerID) }
    }

    /// The first offset that a committed reader must not see; nil when no transaction is in the way.
    var firstUnstableOffset: Offset? {
        switch (openTransactions.first?.firstOffset, undecided.first?.firstOffset) {
        case (let open?, let undecided?): min(open, undecided)
        case (let open, let undecided): open ?? undecided
        }
    }

    mutating func set(_ entry: ProducerEntry, for id: ProducerID) { entries[id] = entry }

    mutating func begin(_ transaction: OpenTransaction) {
        let place = openTransactions.lastIndex { $0.firstOffset < transaction.firstOffset }.map { $0 + 1 } ?? 0
        openTransactions.insert(transaction, at: place)
    }

    /// Ends an open transaction.
    /// - Returns: the last stable offset after its marker is committed.
    mutating func complete(_ transaction: CompletedTransaction) -> Offset {
        openTransactions.removeAll { $0.producerID == transaction.producerID }
        let place = undecided.lastIndex { $0.firstOffset < transaction.firstOffset }.map { $0 + 1 } ?? 0
        undecided.insert(transaction, at: place)
        return openTransactions.first?.firstOffset ?? transaction.lastOffset + 1
    }

    /// Markers below `highWatermark` are committed.
    mutating func highWatermarkAdvanced(to highWatermark: Offset) {
        guard !undecided.isEmpty else { return }
        undecided.removeAll { $0.lastOffset < highWatermark }
    }

    /// Forgets ids that were silent for longer than `limit` milliseconds and whose transaction is not open.
    mutating func expire(at unixMilliseconds: Int64, after limit: Int64) {
        entries = entries.filter { _, entry in
            entry.transactionFirstOffset != nil || unixMilliseconds - entry.lastTimestamp < limit
        }
    }
}
