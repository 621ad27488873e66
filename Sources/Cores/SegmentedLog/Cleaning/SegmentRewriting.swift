import ClusterModel
import NIOCore
import Records
import Seams

/// A segment that a round of compaction has written, under names that a crash makes worthless.
package struct CleanedSegment: Sendable {
    /// That of the first segment it replaces.
    package var baseOffset: Offset
    /// The base offsets of the segments it replaces, rising.
    var replaced: [Offset]
    var sizeInBytes: Int
    /// -1 for none.
    var maxTimestamp: Int64
    var offsetOfMaxTimestamp: Offset
    var offsetEntryCount: Int
    var timeEntryCount: Int
    var transactionEntryCount: Int
    /// All bytes of the segments it replaces.
    package var replacedSizeInBytes: Int

    /// The kinds of files it has.
    var suffixes: [String] {
        LogFileName.ofSegment.filter { $0 != LogFileName.transactionIndex || transactionEntryCount > 0 }
    }
}

/// Writes one new segment out of a group of old ones, and decides which records go into it.
struct SegmentRewriting {
    private let cleaning: LogCleaning
    private let group: ArraySlice<LogCleaning.Source>
    private let map: OffsetMap
    private let segment: LogSegment
    private var pending = ByteBuffer()
    private var pendingHeaders: [RecordBatchHeader] = []

    init(_ group: ArraySlice<LogCleaning.Source>, of cleaning: LogCleaning, _ map: OffsetMap) throws(LogFailure) {
        self.group = group
        self.cleaning = cleaning
        self.map = map
        let base = group[group.startIndex].baseOffset
        let now = Instant(nanoseconds: 0, unixMilliseconds: cleaning.startedAt)
        segment = try onDisk { () throws(FileSystemError) in
            try LogSegment(
                creating: base, nameSuffix: LogFileName.cleaned, in: cleaning.directory, on: cleaning.disk, jitter: 0,
                at: now)
        }
    }

    /// What is to stand in the place of a batch; nil for nothing.
    func rewrite(
        _ batch: RecordBatch, _ marker: TransactionMarker?, keepsOldTombstones: Bool,
        _ transactions: inout CleanedTransactions
    ) throws(InvalidRecords) -> RecordBatch? {
        let header = batch.header
        guard header.magic == 2 else { return try rewriteOld(batch, keepsOldTombstones) }
        // What may be needed after all records are gone: the producer's last sequence, and where the part ends that
        // was compacted, for nothing else may tell where the log goes on.
        let isKeptEmpty = isLastOfProducer(header) || header.nextOffset == cleaning.bound
        if header.attributes.isControl {
            let verdict = transactions.pass(header, marker)
            if let entry = verdict.entry { segment.append(entry) }
            let isGone = verdict.isNeedless && (header.deleteHorizon.map { $0 <= cleaning.startedAt } ?? false)
            if isGone || header.recordCount == 0 { return isKeptEmpty ? empty(header) : nil }
            guard verdict.isNeedless, header.deleteHorizon == nil else { return batch }
            var filter = try RecordBatchFilter(batch)
            while let item = try filter.next() { filter.keep(item) }
            return try RecordBatch(reading: filter.batch(deleteHorizon: newHorizon))
        }
        if transactions.pass(header) { return isKeptEmpty ? empty(header) : nil }
        var filter = try RecordBatchFilter(batch)
        while let item = try filter.next() { if isKept(item, header) { filter.keep(item) } }
        guard filter.keptCount > 0 else { return isKeptEmpty ? empty(header) : nil }
        if header.deleteHorizon == nil, filter.keepsTombstone {
            return try RecordBatch(reading: filter.batch(deleteHorizon: newHorizon))
        }
        return filter.keepsAll ? batch : try RecordBatch(reading: filter.batch())
    }

    /// From when on a tombstone that is seen for the first time may go, in milliseconds since 1970 (KIP-534).
    private var newHorizon: Int64 {
        let (sum, overflows) = cleaning.startedAt.addingReportingOverflow(
            cleaning.settings.deleteRetentionInMilliseconds)
        return overflows ? .max : sum
    }

    private func empty(_ header: RecordBatchHeader) -> RecordBatch? {
        let bytes = header.emptied()
        do throws(InvalidRecords) {
            return try RecordBatch(reading: bytes)
        } catch {
            preconditionFailure("an empty batch at \(header.baseOffset) is none: \(error)")
        }
    }

    private func isLastOfProducer(_ header: RecordBatchHeader) -> Bool {
        guard header.hasProducerID, let last = cleaning.producers[header.producerID] else { return false }
        guard let offset = last.lastOffset else {
            return header.attributes.isControl && header.producerEpoch == last.epoch
        }
        return header.lastOffset == offset
    }

    private func isKept(_ item: RecordBatchFilter.Item, _ header: RecordBatchHeader) -> Bool {
        if item.offset >= map.endOffset { return true }
        guard let key = item.key else { return false }
        guard isLatest(key, item.offset) else { return false }
        return item.hasValue || header.deleteHorizon.map { cleaning.startedAt < $0 } ?? true
    }

    private func isLatest(_ key: ByteBuffer, _ offset: Offset) -> Bool {
        key.withUnsafeReadableBytes { map.offset(of: $0) }.map { offset >= $0 } ?? true
    }

    /// Messages of magic 0 and 1 stay as they are or go; a compressed set of which some go becomes a batch of magic 2.
    private func rewriteOld(
        _ batch: RecordBatch, _ keepsOldTombstones: Bool
    ) throws(InvalidRecords) -> RecordBatch? {
        let records = try batch.records()
        let kept = records.filter { record in
            if record.offset >= map.endOffset { return true }
            guard let key = record.key else { return false }
            return isLatest(key, record.offset) && (record.value != nil || keepsOldTombstones)
        }
        if kept.count == records.count { return batch }
        guard let first = kept.first else { return nil }
        var builder = RecordBatchBuilder(
            attributes: BatchAttributes(
                codec: batch.header.attributes.codec ?? .none, timestampType: batch.header.attributes.timestampType))
        builder.baseOffset = first.offset
        for record in kept {
            builder.append(
                timestamp: record.timestamp, key: record.key, value: record.value,
                offsetDelta: Int32(truncatingIfNeeded: record.offset - first.offset))
        }
        return try RecordBatch(reading: builder.finish())
    }

    /// Adds a batch to the new segment.
    mutating func append(_ batch: RecordBatch, _ pace: (Int) -> Void) throws(LogFailure) {
        pending.writeImmutableBuffer(batch.bytes)
        pendingHeaders.append(batch.header)
        guard segment.size + pending.readableBytes <= Int(Int32.max) else {
            throw .corrupt(path: segment.path, position: segment.size, reason: "it grows by being compacted")
        }
        if pending.readableBytes >= cleaning.limits.bufferSizeInBytes / 2 { try write(pace) }
    }

    private mutating func write(_ pace: (Int) -> Void) throws(LogFailure) {
        guard !pendingHeaders.isEmpty else { return }
        pace(pending.readableBytes)
        let result: Result<Void, FileSystemError> = pending.withUnsafeReadableBytes { raw in
            do throws(FileSystemError) {
                return .success(try segment.write(raw))
            } catch {
                return .failure(error)
            }
        }
        try onDisk(result.get)
        for header in pendingHeaders { segment.takeUp(header, interval: cleaning.settings.indexIntervalInBytes) }
        pending.clear()
        pendingHeaders.removeAll(keepingCapacity: true)
    }

    /// Brings the segment and its indexes to disk.
    mutating func finish(_ pace: (Int) -> Void) throws(LogFailure) -> CleanedSegment {
        try write(pace)
        try onDisk { () throws(FileSystemError) in
            try segment.writeIndexes(sealing: true)
            for file in try segment.takeUnsynced() { try file.synchronize() }
        }
        return CleanedSegment(
            baseOffset: segment.baseOffset, replaced: group.map(\.baseOffset), sizeInBytes: segment.size,
            maxTimestamp: segment.maxTimestamp, offsetOfMaxTimestamp: segment.offsetOfMaxTimestamp,
            offsetEntryCount: segment.offsetIndex.count, timeEntryCount: segment.timeIndex.count,
            transactionEntryCount: segment.transactionIndex.count,
            replacedSizeInBytes: group.reduce(0) { $0 + $1.sizeInBytes })
    }
}
