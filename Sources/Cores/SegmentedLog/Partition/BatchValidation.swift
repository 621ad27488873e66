import ClusterModel
import NIOCore
import Records

/// What a log asks of batches before it takes them. Compressed records are not looked into unless their keys matter.
enum BatchValidation {
    /// Checks batches that get their offsets here, and gathers their headers.
    /// - Parameter now: in milliseconds since 1970.
    static func check(
        _ bytes: UnsafeRawBufferPointer, origin: AppendOrigin, settings: LogSettings, now: Int64,
        into headers: inout [RecordBatchHeader]
    ) throws(AppendRefusal) {
        guard bytes.count <= settings.segmentSizeInBytes else {
            throw .tooLargeForSegment(sizeInBytes: bytes.count, limit: settings.segmentSizeInBytes)
        }
        try eachBatch(of: bytes, into: &headers) { header, batch throws(AppendRefusal) in
            guard batch.count <= settings.maxBatchSizeInBytes || origin == .broker else {
                throw .batchTooLarge(sizeInBytes: batch.count, limit: settings.maxBatchSizeInBytes)
            }
            try AppendRefusal.ifInvalid { () throws(InvalidRecords) in try header.checkCount() }
            try checkProducer(header, origin: origin)
            if settings.timestampType == .createTime, origin == .client {
                try checkTimestamps(header, settings: settings, now: now)
                if settings.timestampBeforeLimitInMilliseconds < .max {
                    try checkEachTimestamp(header, batch, settings: settings, now: now)
                }
            }
            if settings.cleanupPolicy.contains(.compact), !header.attributes.isControl {
                try checkKeys(header, batch)
            }
        }
    }

    /// Checks batches that keep their offsets, and gathers their headers.
    static func checkReplicated(
        _ bytes: UnsafeRawBufferPointer, startingAt start: Offset, into headers: inout [RecordBatchHeader]
    ) throws(AppendRefusal) {
        var next = start
        try eachBatch(of: bytes, into: &headers) { header, _ throws(AppendRefusal) in
            guard header.baseOffset >= next, header.lastOffsetDelta >= 0 else {
                throw .offsetsOutOfOrder(expected: next, found: header.baseOffset)
            }
            next = header.nextOffset
        }
    }

    private static func eachBatch(
        of bytes: UnsafeRawBufferPointer, into headers: inout [RecordBatchHeader],
        _ body: (RecordBatchHeader, UnsafeRawBufferPointer) throws(AppendRefusal) -> Void
    ) throws(AppendRefusal) {
        headers.removeAll(keepingCapacity: true)
        var position = 0
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            let header = try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
                try RecordBatchHeader(reading: rest)
            }
            guard header.magic == 2 else { throw .oldFormat(magic: header.magic) }
            try AppendRefusal.ifInvalid { () throws(InvalidRecords) in try header.checkCRC(of: rest) }
            try body(header, UnsafeRawBufferPointer(rebasing: rest[..<header.sizeInBytes]))
            headers.append(header)
            position += header.sizeInBytes
        }
        if headers.isEmpty { throw .empty }
    }

    private static func checkProducer(_ header: RecordBatchHeader, origin: AppendOrigin) throws(AppendRefusal) {
        if origin == .client, header.attributes.isControl { throw .controlBatchFromClient }
        let isSound =
            header.hasProducerID
            ? header.producerEpoch >= 0 && (origin == .broker || header.baseSequence >= 0)
            : !header.attributes.isTransactional
        guard isSound else {
            throw .inconsistentProducer(
                producerID: header.producerID, epoch: header.producerEpoch, sequence: header.baseSequence)
        }
    }

    /// The header tells the first record's timestamp and the largest; those between may lie before the first.
    private static func checkTimestamps(
        _ header: RecordBatchHeader, settings: LogSettings, now: Int64
    ) throws(AppendRefusal) {
        if header.attributes.timestampType == .logAppendTime { throw .timestampTypeOfBrokers }
        try checkTimestamp(header.baseTimestamp, settings: settings, now: now)
        try checkTimestamp(header.maxTimestamp, settings: settings, now: now)
    }

    private static func checkTimestamp(
        _ timestamp: Int64, settings: LogSettings, now: Int64
    ) throws(AppendRefusal) {
        guard timestamp >= 0 else { return }
        let (age, _) = now.subtractingReportingOverflow(timestamp)
        guard age <= settings.timestampBeforeLimitInMilliseconds, -age <= settings.timestampAfterLimitInMilliseconds
        else { throw .timestampOutOfRange(timestamp: timestamp, now: now) }
    }

    private static func checkEachTimestamp(
        _ header: RecordBatchHeader, _ batch: UnsafeRawBufferPointer, settings: LogSettings, now: Int64
    ) throws(AppendRefusal) {
        let oldest = try AppendRefusal.ifInvalid { () throws(InvalidRecords) -> Int64 in
            var records = try RecordIterator(RecordBatch(header: header, bytes: ByteBuffer(bytes: batch)))
            var oldest = Int64.max
            while let record = try records.next() { oldest = min(oldest, record.timestamp) }
            return oldest
        }
        try checkTimestamp(oldest, settings: settings, now: now)
    }

    private static func checkKeys(
        _ header: RecordBatchHeader, _ batch: UnsafeRawBufferPointer
    ) throws(AppendRefusal) {
        let missing = try AppendRefusal.ifInvalid { () throws(InvalidRecords) -> Int? in
            var records = try RecordIterator(RecordBatch(header: header, bytes: ByteBuffer(bytes: batch)))
            var index = 0
            while let record = try records.next() {
                if record.key == nil { return index }
                index += 1
            }
            return nil
        }
        if let missing { throw .keyMissing(recordIndex: missing) }
    }
}

extension AppendRefusal {
    /// Runs what reads batches; their unsoundness is a refusal.
    static func ifInvalid<Value>(_ body: () throws(InvalidRecords) -> Value) throws(AppendRefusal) -> Value {
        do throws(InvalidRecords) {
            return try body()
        } catch {
            throw .invalid(error)
        }
    }
}
