import ClusterModel
import Records
import Seams
import Synchronization

/// What compaction may take of a machine.
package struct CleaningLimits: Sendable {
    /// `log.cleaner.dedupe.buffer.size`
    package var dedupeBufferSizeInBytes = 134_217_728
    /// `log.cleaner.io.buffer.load.factor`
    package var dedupeBufferLoadFactor = 0.9
    /// `log.cleaner.io.buffer.size`: for reading and for writing, half each.
    package var bufferSizeInBytes = 524_288

    package init() {}
}

/// A round of compaction of one log, for another thread: keeps of each key the last record (Apache's log cleaner).
///
/// It reads sealed segments, which nobody changes, and writes new ones beside them, a group of old ones into each. The
/// log puts each into its place (``PartitionLog/swapIn(_:of:at:)``) while the next one is written.
package struct LogCleaning: Sendable {
    /// A segment as the round finds it.
    struct Source: Sendable {
        var baseOffset: Offset
        /// Where the next segment begins.
        var nextOffset: Offset
        var sizeInBytes: Int
        var offsetEntryCount: Int
        var timeEntryCount: Int
    }

    /// The last that is known of a producer.
    struct LastOfProducer: Sendable {
        /// Of its last batch in its present epoch; nil when it has none.
        var lastOffset: Offset?
        var epoch: Int16
    }

    package let directory: String
    let disk: any FileSystem
    let settings: LogSettings
    let limits: CleaningLimits
    let secret: KeyHash.Secret
    /// From the log's first segment up to the first that must not be touched.
    let sources: [Source]
    /// Before it each key stood once when the last round ended.
    let firstDirtyOffset: Offset
    /// Nothing from here on may be touched.
    let bound: Offset
    let abortedTransactions: [TransactionIndexEntry]
    let producers: [ProducerID: LastOfProducer]
    /// In milliseconds since 1970.
    let startedAt: Int64
    let cancellation = CleaningCancellation()

    /// Does the round.
    /// - Parameters:
    ///   - pace: told bytes that were read or written; may take its time (`log.cleaner.io.max.bytes.per.second`).
    ///   - done: given each new segment when it is on disk.
    /// - Returns: before which offset each key stands once now; nil when the round was cancelled.
    /// - Throws: what is wrong with the disk or the log.
    package func perform(
        pace: (Int) -> Void, done: (CleanedSegment) -> Void
    ) throws(LogFailure) -> Offset? {
        do throws(LogFailure) {
            let map = try gatherKeys(pace)
            guard map.endOffset > firstDirtyOffset else { return cancellation.isCancelled ? nil : firstDirtyOffset }
            var transactions = CleanedTransactions(abortedTransactions)
            for group in groups(upTo: map.endOffset) where !cancellation.isCancelled {
                try done(rewrite(group, map, &transactions, pace))
            }
            return cancellation.isCancelled ? nil : map.endOffset
        } catch {
            // Files that were taken away under it are no failure.
            if cancellation.isCancelled { return nil }
            throw error
        }
    }

    /// The keys of the dirty part, or of as much of it as there is room for.
    private func gatherKeys(_ pace: (Int) -> Void) throws(LogFailure) -> OffsetMap {
        let map = OffsetMap(
            budgetInBytes: limits.dedupeBufferSizeInBytes, loadFactor: limits.dedupeBufferLoadFactor,
            mostKeys: Int(bound - firstDirtyOffset), startingAt: firstDirtyOffset, secret: secret)
        var transactions = CleanedTransactions(abortedTransactions.filter { $0.lastOffset >= firstDirtyOffset })
        for source in sources where source.nextOffset > firstDirtyOffset {
            var batches = try SourceBatches(source, of: self)
            while let (batch, position) = try batches.next(pace) {
                guard batch.header.lastOffset >= firstDirtyOffset || batch.header.magic < 2 else { continue }
                if batch.header.attributes.isControl {
                    _ = transactions.pass(batch.header, try batches.marker(batch, at: position))
                } else if !transactions.pass(batch.header) {
                    guard try gatherKeys(of: batch, at: position, of: source, into: map) else { return map }
                }
                map.endOffset = max(map.endOffset, batch.header.nextOffset)
            }
            if cancellation.isCancelled { return map }
            map.endOffset = max(map.endOffset, source.nextOffset)
        }
        return map
    }

    /// - Returns: false when the map is full.
    private func gatherKeys(
        of batch: RecordBatch, at position: Int, of source: Source, into map: OffsetMap
    ) throws(LogFailure) -> Bool {
        try decoding(source, at: position) { () throws(InvalidRecords) in
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                guard let key = record.key, record.offset >= firstDirtyOffset else { continue }
                guard key.withUnsafeReadableBytes({ map.put($0, at: record.offset) }) else { return false }
                map.endOffset = record.offset + 1
            }
            return true
        }
    }

    /// Runs what decodes a batch; its unsoundness is the log's.
    func decoding<Value>(
        _ source: Source, at position: Int, _ body: () throws(InvalidRecords) -> Value
    ) throws(LogFailure) -> Value {
        do throws(InvalidRecords) {
            return try body()
        } catch {
            throw .corrupt(path: path(of: source), position: position, reason: error.description)
        }
    }

    func path(of source: Source) -> String { directory + "/" + LogFileName.name(source.baseOffset, LogFileName.log) }

    /// Which segments become one: as many neighbours as fit into a segment.
    func groups(upTo end: Offset) -> [ArraySlice<Source>] {
        let cleanable = sources.prefix { $0.baseOffset < end }
        var groups: [ArraySlice<Source>] = []
        var first = cleanable.startIndex
        while first < cleanable.endIndex {
            var next = first + 1
            var size = cleanable[first].sizeInBytes
            var offsetEntries = cleanable[first].offsetEntryCount
            var timeEntries = cleanable[first].timeEntryCount
            while next < cleanable.endIndex {
                let source = cleanable[next]
                size += source.sizeInBytes
                offsetEntries += source.offsetEntryCount
                timeEntries += source.timeEntryCount
                guard size <= settings.segmentSizeInBytes,
                    offsetEntries <= settings.indexSizeInBytes / OffsetIndexEntry.sizeInBytes,
                    timeEntries <= settings.indexSizeInBytes / TimeIndexEntry.sizeInBytes,
                    source.nextOffset - 1 - cleanable[first].baseOffset <= Offset(Int32.max)
                else { break }
                next += 1
            }
            groups.append(cleanable[first..<next])
            first = next
        }
        return groups
    }

    /// Before KIP-534 a tombstone went when its segment was last changed more than `delete.retention.ms` before the last
    /// of the compacted ones.
    private func keepsOldTombstones(_ source: Source) throws(LogFailure) -> Bool {
        guard let lastClean = sources.last(where: { $0.baseOffset < firstDirtyOffset }) else { return true }
        return try onDisk { () throws(FileSystemError) in
            guard let clean = try disk.attributes(path(of: lastClean)), let own = try disk.attributes(path(of: source))
            else { return true }
            let age = clean.modifiedUnixMilliseconds - own.modifiedUnixMilliseconds
            return age < settings.deleteRetentionInMilliseconds
        }
    }

    private func rewrite(
        _ group: ArraySlice<Source>, _ map: OffsetMap, _ transactions: inout CleanedTransactions,
        _ pace: (Int) -> Void
    ) throws(LogFailure) -> CleanedSegment {
        var rewriting = try SegmentRewriting(group, of: self, map)
        for source in group {
            let keepsOldTombstones = try keepsOldTombstones(source)
            var batches = try SourceBatches(source, of: self)
            while let (batch, position) = try batches.next(pace) {
                let marker = batch.header.attributes.isControl ? try batches.marker(batch, at: position) : nil
                let written = try decoding(source, at: position) { () throws(InvalidRecords) in
                    try rewriting.rewrite(batch, marker, keepsOldTombstones: keepsOldTombstones, &transactions)
                }
                if let written { try rewriting.append(written, pace) }
            }
        }
        return try rewriting.finish(pace)
    }
}

/// Tells a round of compaction that its log has changed under it.
final class CleaningCancellation: Sendable {
    private let flag = Atomic<Bool>(false)

    var isCancelled: Bool { flag.load(ordering: .acquiring) }

    func cancel() { flag.store(true, ordering: .releasing) }
}

/// Reads the batches of a segment that is compacted, one after another, each checked.
private struct SourceBatches: ~Copyable {
    private let source: LogCleaning.Source
    private let cleaning: LogCleaning
    private var scanner: BatchScanner

    init(_ source: LogCleaning.Source, of cleaning: LogCleaning) throws(LogFailure) {
        self.source = source
        self.cleaning = cleaning
        let path = cleaning.path(of: source)
        let file = try onDisk { () throws(FileSystemError) in try cleaning.disk.open(path, .read) }
        scanner = BatchScanner(
            file, from: 0, to: source.sizeInBytes, windowSizeInBytes: max(4096, cleaning.limits.bufferSizeInBytes / 2))
    }

    /// The next batch and where it stands; nil after the last, and when the round is cancelled.
    mutating func next(_ pace: (Int) -> Void) throws(LogFailure) -> (RecordBatch, Int)? {
        guard !cleaning.cancellation.isCancelled else { return nil }
        let position = scanner.position
        let found: Result<RecordBatch?, InvalidRecords>
        do throws(FileSystemError) { found = try scanner.batch() } catch { throw .disk(error) }
        guard let batch = try cleaning.decoding(source, at: position, found.get) else { return nil }
        pace(batch.header.sizeInBytes)
        return (batch, position)
    }

    /// The marker in a control batch; nil when there is none in it.
    func marker(_ batch: RecordBatch, at position: Int) throws(LogFailure) -> TransactionMarker? {
        try cleaning.decoding(source, at: position) { () throws(InvalidRecords) in try TransactionMarker(batch) }
    }
}
