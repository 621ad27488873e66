import ClusterModel
import Mirroring
import NIOCore
import Records
import SegmentedLog

/// What must hold of transactions when all is mended.
extension RegionsRun {
    /// A transaction is there as a whole or not at all; what was acknowledged to be committed is, unless its marker was lost with
    /// a home; nothing else is, and nothing is open any more.
    func check(_ transactor: RegionsTransactor, _ log: PartitionLog) throws {
        if log.lastStableOffset != log.logEndOffset {
            chronicle.violate("\(transactor.partition) has a transaction open at \(log.lastStableOffset)")
        }
        let committed = try committedValues(in: log)
        for (number, transaction) in transactor.transactions.enumerated() where !transaction.values.isEmpty {
            let what = "transaction \(number) of \(transactor.partition)"
            let count = transaction.values.count { committed.contains($0) }
            if count != 0, count != transaction.values.count {
                chronicle.violate("\(what) is there in part: \(transaction.values)")
            }
            switch transaction.outcome {
            case .uncertain: break
            case .open, .aborted:
                if count > 0 { chronicle.violate("\(what) is committed, though it was aborted") }
            case .committed(let region, let marker, let home):
                let isLost = (losses[transactor.partition] ?? []).contains { loss in
                    let isOfLostHome = home?.region != region || home?.homeEpoch ?? 0 < loss.homeEpoch
                    return loss.region == region && isOfLostHome && marker >= loss.from
                }
                if isLost && count == 0 { chronicle.count("committed transactions lost with a home") }
                if count == 0 && !isLost {
                    chronicle.violate("\(what), committed at \(marker) in the \(region), is not there")
                }
                if count > 0 { chronicle.count("transactions committed") }
            }
        }
    }

    /// Both regions know the same of producers, and who reads only what is committed sees the same in both.
    func checkProducers(of partition: TopicPartition, _ home: PartitionLog, _ mirror: PartitionLog) throws {
        let (known, mirrored) = (home.knownProducers, mirror.knownProducers)
        if known != mirrored {
            chronicle.violate(
                "producers of \(partition) are known as \(known) in the west, and as \(mirrored) in the east")
        }
        for (log, region) in [(home, west), (mirror, east)] {
            let (seen, committed) = (try readableValues(in: log), try committedValues(in: log))
            for value in seen.symmetricDifference(committed).sorted() {
                chronicle.violate(
                    "a reader of \(partition) in the \(region.name) \(seen.contains(value) ? "sees" : "does not see") "
                        + "\(value), which \(committed.contains(value) ? "was" : "was not") committed")
            }
        }
    }

    /// What a reader of committed transactions sees of what was written in any, reading some bytes after the other.
    private func readableValues(in log: PartitionLog) throws -> Set<String> {
        var seen: Set<String> = []
        var offset = log.logStartOffset
        while offset < log.lastStableOffset {
            let outcome = try log.read(
                from: offset, maxBytes: 2000, minOneBatch: true, upTo: log.lastStableOffset, abortedIncluded: true)
            guard case .slice(let slice) = outcome, let range = slice.range else { break }
            var aborted = AbortedTransactions(slice.abortedTransactions.map { ($0.producerID, $0.firstOffset) })
            var bytes = ByteBuffer()
            bytes.append(.inFile(range))
            var batches = RecordBatches(bytes)
            while let batch = try batches.next() {
                if aborted.hide(batch.header) { continue }
                guard batch.header.attributes.isTransactional, !batch.header.attributes.isControl else { continue }
                var records = try RecordIterator(batch)
                while let record = try records.next() { seen.insert(record.value.map { String(buffer: $0) } ?? "") }
            }
            offset = slice.nextOffset
        }
        return seen
    }

    private func committedValues(in log: PartitionLog) throws -> Set<String> {
        var open: [ProducerID: [String]] = [:]
        var committed: Set<String> = []
        var batches = RecordBatches(try log.bytes(log.logStartOffset..<log.logEndOffset))
        while let batch = try batches.next() {
            let header = batch.header
            guard header.attributes.isTransactional else { continue }
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                if !header.attributes.isControl {
                    open[header.producerID, default: []].append(record.value.map { String(buffer: $0) } ?? "")
                } else if case .endTransaction(isCommit: true, _) = try ControlRecord(record) {
                    committed.formUnion(open.removeValue(forKey: header.producerID) ?? [])
                } else {
                    open[header.producerID] = nil
                }
            }
        }
        return committed
    }
}

extension PartitionLog {
    /// What the log knows of producers, but for when it has heard of them last.
    fileprivate var knownProducers: [String] {
        activeProducers.map { id, entry in
            let last = entry.lastBatch.map { "\($0.lastSequence) at \($0.lastOffset)" } ?? "nothing"
            let open = entry.transactionFirstOffset.map { ", open since \($0)" } ?? ""
            return "\(id) in epoch \(entry.epoch) to \(last)\(open), coordinator epoch \(entry.coordinatorEpoch)"
        }
    }
}
