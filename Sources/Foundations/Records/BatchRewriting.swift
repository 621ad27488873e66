import ClusterModel
import WireCoding

/// Rewriting of fields in the header of a whole batch of magic 2 where it lies.
///
/// `batch` begins with the header and holds all of the batch. A `ByteBuffer` gives its bytes for writing with
/// `withUnsafeMutableReadableBytes`, and copies them first when another value shares its storage.
package enum BatchRewriting {
    /// What a broker sets when it appends. Lies outside the CRC.
    package static func place(
        _ batch: UnsafeMutableRawBufferPointer, at baseOffset: Offset, leaderEpoch: LeaderEpoch
    ) {
        check(batch)
        batch.storeBytes(of: baseOffset.bigEndian, toByteOffset: 0, as: Offset.self)
        batch.storeBytes(of: leaderEpoch.bigEndian, toByteOffset: 12, as: LeaderEpoch.self)
    }

    /// Sets the leader epoch alone. Lies outside the CRC.
    package static func setLeaderEpoch(_ leaderEpoch: LeaderEpoch, of batch: UnsafeMutableRawBufferPointer) {
        check(batch)
        batch.storeBytes(of: leaderEpoch.bigEndian, toByteOffset: 12, as: LeaderEpoch.self)
    }

    /// Sets who stamped the records and the largest timestamp (of `.logAppendTime`: of all records). Renews the CRC
    /// when that changes anything.
    package static func setTimestamp(
        _ type: TimestampType, max: Int64, of batch: UnsafeMutableRawBufferPointer
    ) {
        check(batch)
        let old = BatchAttributes(bits: UInt16(bigEndian: batch.loadUnaligned(fromByteOffset: 21, as: UInt16.self)))
        var new = old
        new.timestampType = type
        let oldMax = Int64(bigEndian: batch.loadUnaligned(fromByteOffset: 35, as: Int64.self))
        guard new != old || max != oldMax else { return }
        batch.storeBytes(of: new.bits.bigEndian, toByteOffset: 21, as: UInt16.self)
        batch.storeBytes(of: max.bigEndian, toByteOffset: 35, as: Int64.self)
        renewCRC(of: batch)
    }

    /// Replaces the producer in `header`, the first 61 bytes of a batch, and takes the batch out of its transaction and
    /// from its place: producers send batches with offset 0.
    /// The rest of the batch is not read: the stored CRC is corrected for the difference, so that bytes which did not
    /// match it still do not.
    package static func setProducer(
        id: ProducerID, epoch: Int16, baseSequence: Int32, in header: UnsafeMutableRawBufferPointer
    ) {
        precondition(
            header.count >= RecordBatchHeader.sizeInBytes && header[16] == 2,
            "rewriting a header of \(header.count) bytes that is not of magic 2")
        let checked = UnsafeRawBufferPointer(
            rebasing: header[RecordBatchHeader.checkedFrom..<RecordBatchHeader.sizeInBytes])
        let before = crc32c(checked)
        var attributes = BatchAttributes(
            bits: UInt16(bigEndian: header.loadUnaligned(fromByteOffset: 21, as: UInt16.self)))
        attributes.isTransactional = false
        header.storeBytes(of: 0, toByteOffset: 0, as: Offset.self)
        header.storeBytes(of: attributes.bits.bigEndian, toByteOffset: 21, as: UInt16.self)
        header.storeBytes(of: id.bigEndian, toByteOffset: 43, as: ProducerID.self)
        header.storeBytes(of: epoch.bigEndian, toByteOffset: 51, as: Int16.self)
        header.storeBytes(of: baseSequence.bigEndian, toByteOffset: 53, as: Int32.self)
        let length = Int(Int32(bigEndian: header.loadUnaligned(fromByteOffset: 8, as: Int32.self)))
        let rest = RecordBatchHeader.overheadInBytes + length - RecordBatchHeader.sizeInBytes
        precondition(rest >= 0, "rewriting the header of a batch of length \(length)")
        let stored = UInt32(bigEndian: header.loadUnaligned(fromByteOffset: 17, as: UInt32.self))
        let renewed = crc32c(stored, replacing: before, with: crc32c(checked), followedBy: rest)
        header.storeBytes(of: renewed.bigEndian, toByteOffset: 17, as: UInt32.self)
    }

    /// Computes the CRC anew over the batch as it stands.
    package static func renewCRC(of batch: UnsafeMutableRawBufferPointer) {
        let size = check(batch)
        let crc = crc32c(UnsafeRawBufferPointer(rebasing: batch[RecordBatchHeader.checkedFrom..<size]))
        batch.storeBytes(of: crc.bigEndian, toByteOffset: 17, as: UInt32.self)
    }

    /// Returns the batch's size in bytes.
    @discardableResult
    private static func check(_ batch: UnsafeMutableRawBufferPointer) -> Int {
        precondition(
            batch.count >= RecordBatchHeader.sizeInBytes && batch[16] == 2,
            "rewriting a batch of \(batch.count) bytes that is not of magic 2")
        let size =
            RecordBatchHeader.overheadInBytes
            + Int(Int32(bigEndian: batch.loadUnaligned(fromByteOffset: 8, as: Int32.self)))
        precondition(
            size >= RecordBatchHeader.sizeInBytes && size <= batch.count,
            "rewriting a batch of \(size) bytes of which \(batch.count) are there")
        return size
    }
}
