import ClusterModel

/// What a range of a log holds, in a few numbers: equal for two logs that hold the same batches at the same offsets,
/// whichever clusters they are in.
///
/// Each batch is hashed whole, from its base offset to its last byte and whatever its stored CRC says; only its leader
/// epoch, which each cluster writes for itself, counts as zero. The hashes are summed up modulo 2^128, so that the
/// digests of adjacent ranges add up to that of both. A batch belongs to the range that its base offset is in.
package struct RangeDigest: Sendable, Equatable {
    package private(set) var batches: Int64
    package private(set) var records: Int64
    package private(set) var bytes: Int64
    package private(set) var sum: UInt128
    /// Batches whose bytes are not those of their stored CRC: they have changed on their disk.
    package private(set) var corruptBatches: Int64

    /// Of a range without batches.
    package init() { self.init(batches: 0, records: 0, bytes: 0, sum: 0) }

    package init(batches: Int64, records: Int64, bytes: Int64, sum: UInt128, corruptBatches: Int64 = 0) {
        self.batches = batches
        self.records = records
        self.bytes = bytes
        self.sum = sum
        self.corruptBatches = corruptBatches
    }

    /// Adds a batch.
    /// - Parameters:
    ///   - header: the batch's.
    ///   - bytes: the whole batch with its header.
    package mutating func add(_ header: RecordBatchHeader, _ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == header.sizeInBytes, "\(bytes.count) bytes of a batch of \(header.sizeInBytes)")
        batches += 1
        records += Int64(max(0, header.recordCount))
        self.bytes += Int64(bytes.count)
        do throws(InvalidRecords) { try header.checkCRC(of: bytes) } catch { corruptBatches += 1 }
        // Bytes 12 to 15: the leader epoch.
        sum &+= Murmur128.hash(bytes, clearing: header.magic == 2 ? 0xffff_ffff_0000_0000 : 0)
    }

    /// Adds the batches of which `bytes` consists, where they begin in `range`.
    /// - Returns: the offset after the last batch that was looked at; nil when there was none.
    /// - Throws: when the bytes are not whole batches; what came before counts.
    package mutating func add(
        batchesIn bytes: UnsafeRawBufferPointer, of range: Range<Offset>
    ) throws(InvalidRecords) -> Offset? {
        var position = 0
        var next: Offset?
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            let header = try RecordBatchHeader(reading: rest)
            guard rest.count >= header.sizeInBytes else {
                throw .truncated(needed: header.sizeInBytes, available: rest.count)
            }
            guard header.baseOffset < range.upperBound else { break }
            if header.baseOffset >= range.lowerBound {
                add(header, UnsafeRawBufferPointer(rebasing: rest[..<header.sizeInBytes]))
            }
            next = header.nextOffset
            position += header.sizeInBytes
        }
        return next
    }

    /// The digest of two ranges that have nothing in common.
    package static func + (left: RangeDigest, right: RangeDigest) -> RangeDigest {
        RangeDigest(
            batches: left.batches + right.batches, records: left.records + right.records,
            bytes: left.bytes + right.bytes, sum: left.sum &+ right.sum,
            corruptBatches: left.corruptBatches + right.corruptBatches)
    }

    /// As 32 hexadecimal digits, for people.
    package var text: String {
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
