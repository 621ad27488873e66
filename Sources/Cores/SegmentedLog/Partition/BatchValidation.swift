import ClusterModel
import NIOCore
import Records

/// What a log asks of batches before it takes them. Compressed records are not looked into unless their keys or
/// timestamps matter.
enum BatchValidation {
    /// How many unsound records of a batch are named at most.
    private static let namedRecords = 100

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
            try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
                try header.checkCount()
                if origin == .client { try header.checkFraming(of: batch) }
            }
            if origin == .client, header.baseOffset != 0 { throw .baseOffsetOfProducer(header.baseOffset) }
            try checkProducer(header, origin: origin)
            if settings.timestampType == .createTime, origin == .client {
                try checkTimestamps(header, batch, settings: settings, now: now)
            }
            if settings.cleanupPolicy.contains(.compact), !header.attributes.isControl {
                try checkKeys(header, batch)
            }
        }
    }

    /// Checks batches that keep their offsets, and gathers their headers.
    /// - Parameter isFirst: whether `start` may lie inside the first of them.
    static func checkReplicated(
        _ bytes: UnsafeRawBufferPointer, startingAt start: Offset, isFirst: Bool, newestEpoch: LeaderEpoch,
        allowsOldFormats: Bool, into headers: inout [RecordBatchHeader]
    ) throws(AppendRefusal) {
        var next = start
        var mayHoldStart = isFirst
        try eachBatch(of: bytes, allowsOldFormats: allowsOldFormats, into: &headers) {
            header, _ throws(AppendRefusal) in
            let holdsStart = mayHoldStart && header.baseOffset >= 0 && header.lastOffset >= start
            mayHoldStart = false
            guard header.baseOffset >= next || holdsStart, header.baseOffset <= PartitionLog.largestOffset,
                header.lastOffsetDelta >= 0
            else { throw .offsetsOutOfOrder(expected: next, found: header.baseOffset) }
            guard header.leaderEpoch <= newestEpoch else {
                throw .leaderEpochAhead(newest: newestEpoch, found: header.leaderEpoch)
            }
            next = header.nextOffset
        }
        // One segment takes them all.
        if let first = headers.first, next - 1 - first.baseOffset > Offset(Int32.max) {
            throw .offsetsTooFarApart(first: first.baseOffset, last: next - 1)
        }
    }

    private static func eachBatch(
        of bytes: UnsafeRawBufferPointer, allowsOldFormats: Bool = false, into headers: inout [RecordBatchHeader],
        _ body: (RecordBatchHeader, UnsafeRawBufferPointer) throws(AppendRefusal) -> Void
    ) throws(AppendRefusal) {
        headers.removeAll(keepingCapacity: true)
        var position = 0
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            let header = try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
                try RecordBatchHeader(reading: rest)
            }
            guard header.magic == 2 || allowsOldFormats else { throw .oldFormat(magic: header.magic) }
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

    private static func checkTimestamps(
        _ header: RecordBatchHeader, _ batch: UnsafeRawBufferPointer, settings: LogSettings, now: Int64
    ) throws(AppendRefusal) {
        if header.attributes.timestampType == .logAppendTime { throw .timestampTypeOfBrokers }
        let before = settings.timestampBeforeLimitInMilliseconds
        let after = settings.timestampAfterLimitInMilliseconds
        guard before < .max || after < .max else { return }
        // The header says which is the largest, but it is the producer who says so.
        var refused: [RefusedTimestamp] = []
        try eachRecord(of: batch, header) { index, record in
            guard record.timestamp != -1 else { return true }
            let (age, _) = now.subtractingReportingOverflow(record.timestamp)
            if age > before || 0 &- age > after {
                refused.append(RefusedTimestamp(recordIndex: index, timestamp: record.timestamp))
            }
            return refused.count < namedRecords
        }
        if !refused.isEmpty {
            throw .timestampsOutOfRange(refused, earliest: now &- before, latest: now &+ after)
        }
    }

    private static func checkKeys(
        _ header: RecordBatchHeader, _ batch: UnsafeRawBufferPointer
    ) throws(AppendRefusal) {
        var missing: [Int] = []
        try eachRecord(of: batch, header) { index, record in
            if record.key == nil { missing.append(index) }
            return missing.count < namedRecords
        }
        if !missing.isEmpty { throw .keysMissing(recordIndexes: missing) }
    }

    /// Calls `body` with each record and its place, until it returns false.
    private static func eachRecord(
        of batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader, _ body: (Int, Record) -> Bool
    ) throws(AppendRefusal) {
        try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
            var records = try RecordIterator(RecordBatch(header: header, bytes: ByteBuffer(bytes: batch)))
            var index = 0
            while let record = try records.next(), body(index, record) { index += 1 }
        }
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
