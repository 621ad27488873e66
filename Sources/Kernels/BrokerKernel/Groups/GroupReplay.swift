import ClusterModel
import Groups
import NIOCore
import Records
import Seams
import SegmentedLog
import WireCoding

/// Reads the records of groups back from their partition's log.
extension BrokerKernel {
    private static let bytesPerRead = 4 << 20

    /// Applies all that the log holds. False when the disk failed or the log cannot be understood, which ends the
    /// broker's service.
    mutating func replay(_ log: PartitionLog, into registry: inout GroupRegistry) -> Bool {
        var offset = log.logStartOffset
        while offset < log.logEndOffset {
            let read = onLog { () throws(LogFailure) -> (ByteBuffer, Offset)? in
                let outcome = try log.read(
                    from: offset, maxBytes: Self.bytesPerRead, minOneBatch: true, upTo: log.logEndOffset,
                    abortedIncluded: false)
                guard case .slice(let slice) = outcome, let range = slice.range else { return nil }
                return (try range.contents(), slice.nextOffset)
            }
            guard let read else { return false }
            guard let (bytes, nextOffset) = read else { return true }
            do {
                try apply(bytes, to: &registry)
            } catch {
                perform(.stop(reason: "\(log.directory) holds records that are none of groups: \(error)"))
                return false
            }
            offset = nextOffset
        }
        return true
    }

    private func apply(_ bytes: ByteBuffer, to registry: inout GroupRegistry) throws {
        var ignored: [GroupEffect] = []
        var batches = RecordBatches(bytes)
        while let batch = try batches.next() {
            let producer = batch.header.attributes.isTransactional ? batch.header.producerID : nil
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                if batch.header.attributes.isControl {
                    guard case .endTransaction(let isCommit, _) = try ControlRecord(record) else { continue }
                    registry.apply(.transactionEnded(batch.header.producerID, isCommitted: isCommit), into: &ignored)
                } else if let key = record.key,
                    let change = try GroupRecord(key: key, value: record.value, producer: producer)
                {
                    registry.apply(change, into: &ignored)
                }
            }
        }
    }
}
