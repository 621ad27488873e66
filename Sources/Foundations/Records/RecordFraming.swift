extension RecordBatchHeader {
    /// The fewest bytes of a record behind its length: attributes, both deltas, no key, no value, no headers.
    private static let smallestRecord = 6

    /// Checks that a batch of magic 2 holds as many records as it says, each as long as it says, and nothing behind
    /// them. What records hold is not looked at, and of a compressed batch nothing is.
    /// - Parameter batch: whole, with its header.
    /// - Throws: `.malformedRecord` with the place of the first that is not there, or is not whole.
    package func checkFraming(of batch: UnsafeRawBufferPointer) throws(InvalidRecords) {
        guard attributes.codec == CompressionCodec.none else { return }
        var position = Self.sizeInBytes
        for index in 0..<max(recordCount, 0) {
            guard let size = Self.length(in: batch, at: &position),
                size >= Self.smallestRecord, size <= batch.count - position
            else { throw .malformedRecord(index: Int(index)) }
            position += size
        }
        guard position == batch.count else { throw .malformedRecord(index: Int(recordCount)) }
    }

    /// A zigzag-coded length of at most 31 bits; nil when none stands there.
    private static func length(in bytes: UnsafeRawBufferPointer, at position: inout Int) -> Int? {
        var coded = 0
        var shift = 0
        while position < bytes.count, shift < 35 {
            let byte = bytes[position]
            position += 1
            coded |= Int(byte & 0x7f) << shift
            // Odd codes are negative numbers.
            if byte < 0x80 { return coded & 1 == 0 ? coded >> 1 : nil }
            shift += 7
        }
        return nil
    }
}
