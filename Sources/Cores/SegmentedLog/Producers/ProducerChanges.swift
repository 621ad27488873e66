import ClusterModel
import Records

/// What the batches of one append change about producers: checked and gathered before the batches are written, applied
/// afterwards.
struct ProducerChanges {
    private var touched: [(id: ProducerID, entry: ProducerEntry)] = []
    private(set) var begun: [ProducerStates.OpenTransaction] = []
    private(set) var completed: [CompletedTransaction] = []

    var isEmpty: Bool { touched.isEmpty }

    mutating func removeAll() {
        touched.removeAll(keepingCapacity: true)
        begun.removeAll(keepingCapacity: true)
        completed.removeAll(keepingCapacity: true)
    }

    private func entry(_ id: ProducerID, in states: ProducerStates) -> ProducerEntry? {
        touched.last { $0.id == id }?.entry ?? states.entries[id]
    }

    private mutating func set(_ entry: ProducerEntry, for id: ProducerID) {
        if let place = touched.firstIndex(where: { $0.id == id }) {
            touched[place].entry = entry
        } else {
            touched.append((id, entry))
        }
    }

    /// Refuses a data batch that its producer's earlier ones contradict.
    func check(
        _ header: RecordBatchHeader, in states: ProducerStates, origin: AppendOrigin
    ) throws(AppendRefusal) {
        let id = header.producerID
        // A producer that is not known may begin anywhere: its records may have been deleted.
        guard let known = entry(id, in: states) else { return }
        guard header.producerEpoch >= known.epoch else {
            throw .fencedProducer(producerID: id, current: known.epoch, found: header.producerEpoch)
        }
        if origin == .client {
            let last = header.producerEpoch == known.epoch ? known.lastSequence : -1
            let expected = last == .max ? 0 : last + 1
            guard header.baseSequence == expected else {
                throw .outOfOrderSequence(producerID: id, expected: expected, found: header.baseSequence)
            }
        }
        if known.transactionFirstOffset != nil, !header.attributes.isTransactional {
            throw .transactionOpen(producerID: id)
        }
    }

    /// Takes up a data batch whose offsets are assigned.
    mutating func add(_ header: RecordBatchHeader, in states: ProducerStates) {
        let id = header.producerID
        var entry =
            entry(id, in: states) ?? ProducerEntry(epoch: header.producerEpoch, lastTimestamp: header.maxTimestamp)
        entry.raiseEpoch(to: header.producerEpoch)
        entry.add(
            ProducerEntry.Batch(
                lastSequence: header.lastSequence, lastOffset: header.lastOffset, offsetDelta: header.lastOffsetDelta,
                timestamp: header.maxTimestamp))
        if header.attributes.isTransactional, entry.transactionFirstOffset == nil {
            entry.transactionFirstOffset = header.baseOffset
            begun.append(.init(firstOffset: header.baseOffset, producerID: id))
        }
        set(entry, for: id)
    }

    /// Refuses a marker that came too late.
    func checkMarker(
        _ header: RecordBatchHeader, _ marker: TransactionMarker, in states: ProducerStates
    ) throws(AppendRefusal) {
        guard let known = entry(header.producerID, in: states) else { return }
        guard header.producerEpoch >= known.epoch else {
            throw .fencedProducer(
                producerID: header.producerID, current: known.epoch, found: header.producerEpoch)
        }
        guard marker.coordinatorEpoch >= known.coordinatorEpoch else {
            throw .fencedCoordinator(current: known.coordinatorEpoch, found: marker.coordinatorEpoch)
        }
    }

    /// Takes up a transaction's end, marked at `header`'s only offset.
    mutating func addMarker(_ header: RecordBatchHeader, _ marker: TransactionMarker, in states: ProducerStates) {
        let id = header.producerID
        var entry =
            entry(id, in: states) ?? ProducerEntry(epoch: header.producerEpoch, lastTimestamp: header.maxTimestamp)
        entry.raiseEpoch(to: header.producerEpoch)
        entry.coordinatorEpoch = marker.coordinatorEpoch
        entry.lastTimestamp = header.maxTimestamp
        if let first = entry.transactionFirstOffset {
            completed.append(
                CompletedTransaction(
                    producerID: id, firstOffset: first, lastOffset: header.lastOffset, isAborted: !marker.isCommit))
            entry.transactionFirstOffset = nil
        }
        set(entry, for: id)
    }

    /// Makes the changes, calling `aborted` for each transaction that was rolled back with the last stable offset after
    /// its marker.
    func apply(to states: inout ProducerStates, aborted: (CompletedTransaction, Offset) -> Void) {
        for (id, entry) in touched { states.set(entry, for: id) }
        // In the order of the log: what a leader's or a link's log gives holds a transaction's end and the beginning of
        // its producer's next one.
        var rest = begun[...]
        for transaction in completed {
            while let next = rest.first, next.firstOffset < transaction.lastOffset {
                states.begin(next)
                rest.removeFirst()
            }
            let lastStableOffset = states.complete(transaction)
            if transaction.isAborted { aborted(transaction, lastStableOffset) }
        }
        for transaction in rest { states.begin(transaction) }
    }
}
