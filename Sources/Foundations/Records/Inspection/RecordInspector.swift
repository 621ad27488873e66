/// What is asked of the records in a batch, besides being records.
package struct RecordRules: Sendable {
    /// In milliseconds since 1970; a record without a timestamp is never too early or too late.
    package var earliest = Int64.min
    package var latest = Int64.max
    package var requiresKeys = false

    package init() {}
}

/// What a look at all records of a batch has found.
package struct RecordFindings: Sendable, Equatable {
    /// A record's place in its batch, and its timestamp in milliseconds since 1970.
    package struct Timestamp: Sendable, Equatable {
        package var recordIndex: Int
        package var timestamp: Int64

        package init(recordIndex: Int, timestamp: Int64) {
            self.recordIndex = recordIndex
            self.timestamp = timestamp
        }
    }

    /// The most records that are named for one fault.
    package static let namedRecords = 100

    /// The largest timestamp of a record, in milliseconds since 1970; -1 for none.
    package var maxTimestamp: Int64 = -1
    /// Whether the records' offsets go up one by one from that of the batch.
    package var areOffsetsConsecutive = true
    /// The first records that are too early or too late.
    package var untimely: [Timestamp] = []
    /// The places of the first records that lack a key.
    package var keyless: [Int] = []
}

/// Looks at the records of batches of magic 2 that nobody has vouched for, compressed or not, without keeping any of
/// them: all batches pass through the same memory, however much they decompress to.
package final class RecordInspector {
    private let window: DecodedWindow
    /// What one batch may decompress to; it takes a while to see that much.
    private let limit: Int

    package convenience init() { self.init(limit: CompressionCodec.defaultLimitInBytes, windowSize: 256 << 10) }

    init(limit: Int, windowSize: Int) {
        self.limit = limit
        window = DecodedWindow(usualSize: windowSize)
    }

    /// Checks that a batch holds as many records as its header says and nothing else, each well formed.
    /// - Parameter batch: whole, with its header. Its checksum is not looked at.
    /// - Throws: `.unknownCodec`, `.corruptCompression`, `.tooLarge`; `.malformedRecord` with the place of the first
    ///   record that is none, or of the one that there would be after the last.
    package func inspect(
        _ batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader, rules: RecordRules = RecordRules()
    ) throws(InvalidRecords) -> RecordFindings {
        guard let codec = header.attributes.codec else { throw .unknownCodec(header.attributes.codecBits) }
        let body = UnsafeRawBufferPointer(rebasing: batch[RecordBatchHeader.sizeInBytes...])
        var records = RecordScanner(body)
        if codec != .none {
            window.begin(codec, body, limit: limit)
            records = RecordScanner(in: window)
        }
        var findings = RecordFindings()
        var index: Int32 = 0
        while index < header.recordCount {
            guard let record = try records.next() else { throw .malformedRecord(index: Int(index)) }
            if record.offsetDelta != index { findings.areOffsetsConsecutive = false }
            let timestamp = header.baseTimestamp &+ record.timestampDelta
            if timestamp > findings.maxTimestamp { findings.maxTimestamp = timestamp }
            if timestamp < rules.earliest || timestamp > rules.latest, timestamp != -1,
                findings.untimely.count < RecordFindings.namedRecords
            {
                findings.untimely.append(.init(recordIndex: Int(index), timestamp: timestamp))
            }
            if rules.requiresKeys, !record.hasKey, findings.keyless.count < RecordFindings.namedRecords {
                findings.keyless.append(Int(index))
            }
            index += 1
        }
        guard try records.isAtEnd() else { throw .malformedRecord(index: Int(index)) }
        return findings
    }
}
