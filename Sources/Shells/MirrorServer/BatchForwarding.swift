import ClusterModel
import Mirroring
import NIOCore
import Records
import WireCoding

extension RecordBatch {
    /// What marks the batch at both sides.
    var mark: BatchMark {
        bytes.withUnsafeReadableBytes { raw in
            BatchMark(
                recordCount: header.recordCount,
                bodyCRC: crc32c(UnsafeRawBufferPointer(rebasing: raw[RecordBatchHeader.sizeInBytes...])))
        }
    }

    /// Puts the batch under the mirror's own producer, in the memory it was received in.
    ///
    /// The storage is shared by all batches of one answer, so that going through the buffer's own mutation would copy
    /// the records. No two of them overlap, each is written once, by the one task that took the answer, before it is
    /// sent; and nobody else ever sees the answer.
    func take(_ producer: ProducerPosition) {
        bytes.withUnsafeReadableBytes { raw in
            BatchRewriting.setProducer(
                id: producer.id, epoch: producer.epoch, baseSequence: producer.nextSequence,
                in: UnsafeMutableRawBufferPointer(
                    mutating: UnsafeRawBufferPointer(rebasing: raw[..<RecordBatchHeader.sizeInBytes])))
        }
    }

    /// The records at `first` and behind it as one batch that a broker takes from a producer: without holes, horizons and
    /// append times; nil when there are none. The same batch always gives the same bytes.
    func encodedAnew(from first: Offset) throws(InvalidRecords) -> RecordBatch? {
        var builder = RecordBatchBuilder(codec: header.attributes.codec ?? .none)
        var iterator = try RecordIterator(self)
        while let record = try iterator.next() {
            guard record.offset >= first else { continue }
            builder.append(timestamp: record.timestamp, key: record.key, value: record.value, headers: record.headers)
        }
        return builder.isEmpty ? nil : try RecordBatch(reading: builder.finish())
    }
}
