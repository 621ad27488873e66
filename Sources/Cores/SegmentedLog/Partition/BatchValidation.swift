import ClusterModel
import Records

/// What a log asks of batches before it takes them. All records of clients are looked at, those of brokers never.
enum BatchValidation {
    /// Checks batches that get their offsets here, and gathers their headers, with the largest timestamps of their
    /// records.
    /// - Parameter now: in milliseconds since 1970.
    /// - Returns: whether in each batch the records' offsets go up one by one from the batch's.
    static func check(
        _ bytes: UnsafeRawBufferPointer, origin: AppendOrigin, settings: LogSettings, inspector: RecordInspector,
        now: Int64, into headers: inout [RecordBatchHeader]
    ) throws(AppendRefusal) -> Bool {
        guard bytes.count <= settings.segmentSizeInBytes else {
            throw .tooLargeForSegment(sizeInBytes: bytes.count, limit: settings.segmentSizeInBytes)
        }
        var areOffsetsConsecutive = true
        try eachBatch(of: bytes, into: &headers) { header, batch throws(AppendRefusal) in
            guard batch.count <= settings.maxBatchSizeInBytes || origin == .broker else {
                throw .batchTooLarge(sizeInBytes: batch.count, limit: settings.maxBatchSizeInBytes)
            }
            try AppendRefusal.ifInvalid { () throws(InvalidRecords) in try header.checkCount() }
            if origin == .client, header.baseOffset != 0 { throw .baseOffsetOfProducer(header.baseOffset) }
            try checkProducer(header, origin: origin)
            guard origin == .client else { return }
            let found = try checkRecords(header, batch, settings: settings, inspector: inspector, now: now)
            if settings.timestampType == .createTime { header.maxTimestamp = found.maxTimestamp }
            if !found.areOffsetsConsecutive { areOffsetsConsecutive = false }
        }
        return areOffsetsConsecutive
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
        _ body: (inout RecordBatchHeader, UnsafeRawBufferPointer) throws(AppendRefusal) -> Void
    ) throws(AppendRefusal) {
        headers.removeAll(keepingCapacity: true)
        var position = 0
        while position < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            var header = try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
                try RecordBatchHeader(reading: rest)
            }
            guard header.magic == 2 || allowsOldFormats else { throw .oldFormat(magic: header.magic) }
            try AppendRefusal.ifInvalid { () throws(InvalidRecords) in try header.checkCRC(of: rest) }
            try body(&header, UnsafeRawBufferPointer(rebasing: rest[..<header.sizeInBytes]))
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

    private static func checkRecords(
        _ header: RecordBatchHeader, _ batch: UnsafeRawBufferPointer, settings: LogSettings,
        inspector: RecordInspector, now: Int64
    ) throws(AppendRefusal) -> RecordFindings {
        let before = settings.timestampBeforeLimitInMilliseconds
        let after = settings.timestampAfterLimitInMilliseconds
        var rules = RecordRules()
        rules.requiresKeys = settings.cleanupPolicy.contains(.compact)
        if settings.timestampType == .createTime {
            if header.attributes.timestampType == .logAppendTime { throw .timestampTypeOfBrokers }
            // What the header says of the largest, it is the producer who says so.
            if before < .max { rules.earliest = now &- before }
            let (latest, isBeyondAll) = now.addingReportingOverflow(after)
            if !isBeyondAll { rules.latest = latest }
        }
        let found = try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
            try inspector.inspect(batch, header, rules: rules)
        }
        if !found.untimely.isEmpty {
            throw .timestampsOutOfRange(found.untimely, earliest: now &- before, latest: now &+ after)
        }
        if !found.keyless.isEmpty { throw .keysMissing(recordIndexes: found.keyless) }
        return found
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
