import ClusterModel
import NIOCore
import WireCoding

/// The header of one batch, as values.
///
/// Of the formats before magic 2 a "batch" is one message, perhaps one that wraps compressed ones. Fields which those
/// lack hold -1 (`recordCount` is 1 when not compressed), `crc` is theirs (a CRC-32 of zlib), and `baseOffset` is the
/// stored offset: of a compressed wrapper that of its *last* record.
package struct RecordBatchHeader: Sendable, Equatable {
    /// The size of the header of magic 2.
    package static let sizeInBytes = 61
    /// The bytes before what `batchLength` counts: base offset and the length itself. The same in all formats.
    package static let overheadInBytes = 12
    /// The smallest `batchLength` of magic 0, 1 and 2.
    static let smallestLengths: [Int32] = [14, 22, 49]
    /// Where the bytes that the CRC of magic 2 covers begin.
    package static let checkedFrom = 21

    package var baseOffset: Offset
    /// The bytes of the batch after this field.
    package var batchLength: Int32
    package var leaderEpoch: LeaderEpoch
    package var magic: Int8
    package var crc: UInt32
    package var attributes: BatchAttributes
    package var lastOffsetDelta: Int32
    /// In milliseconds since 1970; the delete horizon when the attributes say so; -1 for none.
    package var baseTimestamp: Int64
    /// The largest timestamp of a record, or the append time; in milliseconds since 1970, -1 for none.
    package var maxTimestamp: Int64
    package var producerID: ProducerID
    package var producerEpoch: Int16
    package var baseSequence: Int32
    package var recordCount: Int32

    /// Reads the header at the start of `bytes`, which may hold less than the whole batch.
    ///
    /// Checks what is needed to step over the batch: its length against the format's minimum, and the magic.
    /// - Throws: `.truncated` when the header itself is not all there; `.batchTooShort`; `.unknownMagic`.
    package init(reading bytes: UnsafeRawBufferPointer) throws(InvalidRecords) {
        guard bytes.count >= 17 else { throw .truncated(needed: 17, available: bytes.count) }
        func integer<Value: FixedWidthInteger>(_ position: Int, as: Value.Type = Value.self) -> Value {
            Value(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: Value.self))
        }
        baseOffset = integer(0)
        batchLength = integer(8)
        magic = integer(16)
        guard (0...2).contains(magic) else { throw .unknownMagic(magic) }
        guard batchLength >= Self.smallestLengths[Int(magic)] else { throw .batchTooShort(length: batchLength) }
        let needed = magic == 2 ? Self.sizeInBytes : magic == 1 ? 26 : 18
        guard bytes.count >= needed else { throw .truncated(needed: needed, available: bytes.count) }
        guard magic == 2 else {
            leaderEpoch = -1
            crc = integer(12)
            attributes = BatchAttributes(bits: UInt16(integer(17, as: UInt8.self) & 0x0f))
            lastOffsetDelta = 0
            maxTimestamp = magic == 1 ? integer(18) : -1
            baseTimestamp = maxTimestamp
            producerID = -1
            producerEpoch = -1
            baseSequence = -1
            recordCount = attributes.codecBits == 0 ? 1 : -1
            return
        }
        leaderEpoch = integer(12)
        crc = integer(17)
        attributes = BatchAttributes(bits: integer(21))
        lastOffsetDelta = integer(23)
        baseTimestamp = integer(27)
        maxTimestamp = integer(35)
        producerID = integer(43)
        producerEpoch = integer(51)
        baseSequence = integer(53)
        recordCount = integer(57)
    }

    /// The header of a batch of magic 2 whose CRC is still to be computed.
    init(
        baseOffset: Offset, batchLength: Int32, leaderEpoch: LeaderEpoch, attributes: BatchAttributes,
        lastOffsetDelta: Int32, baseTimestamp: Int64, maxTimestamp: Int64, producerID: ProducerID,
        producerEpoch: Int16, baseSequence: Int32, recordCount: Int32
    ) {
        self.baseOffset = baseOffset
        self.batchLength = batchLength
        self.leaderEpoch = leaderEpoch
        magic = 2
        crc = 0
        self.attributes = attributes
        self.lastOffsetDelta = lastOffsetDelta
        self.baseTimestamp = baseTimestamp
        self.maxTimestamp = maxTimestamp
        self.producerID = producerID
        self.producerEpoch = producerEpoch
        self.baseSequence = baseSequence
        self.recordCount = recordCount
    }

    /// Writes the header of a batch of magic 2 over the first 61 bytes of `target`.
    package func write(to target: UnsafeMutableRawBufferPointer) {
        precondition(
            magic == 2 && target.count >= Self.sizeInBytes, "a header of magic \(magic) into \(target.count) bytes")
        func store<Value: FixedWidthInteger>(_ value: Value, _ position: Int) {
            target.storeBytes(of: value.bigEndian, toByteOffset: position, as: Value.self)
        }
        store(baseOffset, 0)
        store(batchLength, 8)
        store(leaderEpoch, 12)
        store(magic, 16)
        store(crc, 17)
        store(attributes.bits, 21)
        store(lastOffsetDelta, 23)
        store(baseTimestamp, 27)
        store(maxTimestamp, 35)
        store(producerID, 43)
        store(producerEpoch, 51)
        store(baseSequence, 53)
        store(recordCount, 57)
    }

    /// The whole batch with its header, in bytes.
    package var sizeInBytes: Int { Self.overheadInBytes + Int(batchLength) }
    package var lastOffset: Offset { baseOffset &+ Offset(lastOffsetDelta) }
    /// The offset after the last record.
    package var nextOffset: Offset { lastOffset &+ 1 }
    package var hasProducerID: Bool { producerID >= 0 }
    /// The sequence of the last record; after the largest `Int32` sequences go on with 0. -1 without sequences.
    package var lastSequence: Int32 {
        guard baseSequence >= 0 else { return -1 }
        return Int32((Int64(baseSequence) + Int64(lastOffsetDelta)) % (Int64(Int32.max) + 1))
    }
    /// From when on a cleaner may drop the batch's tombstones, in milliseconds since 1970 (KIP-534).
    package var deleteHorizon: Int64? { attributes.hasDeleteHorizon ? baseTimestamp : nil }

    /// Checks the stored CRC against `batch`, the bytes of the whole batch with its header.
    /// - Throws: `.truncated`, `.wrongChecksum`.
    package func checkCRC(of batch: UnsafeRawBufferPointer) throws(InvalidRecords) {
        guard batch.count >= sizeInBytes else { throw .truncated(needed: sizeInBytes, available: batch.count) }
        let computed: UInt32
        if magic == 2 {
            computed = crc32c(UnsafeRawBufferPointer(rebasing: batch[Self.checkedFrom..<sizeInBytes]))
        } else {
            computed = crc32(UnsafeRawBufferPointer(rebasing: batch[16..<sizeInBytes]))
        }
        guard computed == crc else { throw .wrongChecksum(stored: crc, computed: computed) }
    }

    /// Checks what a broker asks of a batch that a producer sends (magic 2): count and last offset delta agree, and
    /// the codec is known. A compacted batch of a log need not hold to it.
    package func checkCount() throws(InvalidRecords) {
        guard recordCount > 0, lastOffsetDelta >= 0, lastOffsetDelta == recordCount - 1 else {
            throw .wrongRecordCount(count: recordCount, lastOffsetDelta: lastOffsetDelta)
        }
        guard attributes.codec != nil else { throw .unknownCodec(attributes.codecBits) }
    }
}
