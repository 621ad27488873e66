import ClusterModel
import Seams

/// How much a log would gain by compaction.
package struct Cleanability: Sendable, Equatable {
    /// Where what was not compacted begins.
    package var firstDirtyOffset: Offset
    /// Nothing from here on can be compacted yet.
    package var bound: Offset
    /// What part of all that could be compacted was not, from 0 to 1.
    package var dirtyRatio: Double
    /// Whether `min.cleanable.dirty.ratio` or `max.compaction.lag.ms` asks for it.
    package var isDue: Bool
}

extension PartitionLog {
    /// What compaction would find now; nil when the log is not to be compacted, is being compacted, or cannot be.
    package func cleanability(at now: Instant) throws(LogFailure) -> Cleanability? {
        guard settings.cleanupPolicy.contains(.compact), cleaning == nil, !isUncleanable else { return nil }
        var dirty = cleanedUpTo ?? logStartOffset
        if dirty < logStartOffset || dirty > logEndOffset { dirty = logStartOffset }
        var bound = min(lastStableOffset, active.baseOffset)
        if settings.minCompactionLagInMilliseconds > 0 {
            bound = try min(bound, firstSegmentOffset(youngerThan: settings.minCompactionLagInMilliseconds, dirty, now))
        }
        // Whole segments only.
        guard let place = segmentIndex(of: bound) else { return nil }
        bound = segments[place].baseOffset
        guard bound > dirty else { return nil }
        var (cleanBytes, dirtyBytes) = (0, 0)
        for (segment, next) in zip(segments[..<place], segments[1...]) {
            if next.baseOffset <= dirty { cleanBytes += segment.size } else { dirtyBytes += segment.size }
        }
        guard dirtyBytes > 0 else { return nil }
        let ratio = Double(dirtyBytes) / Double(cleanBytes + dirtyBytes)
        var isDue = ratio > settings.minCleanableRatio
        if !isDue { isDue = try isOverdue(segments[..<place], from: dirty, at: now) }
        return Cleanability(firstDirtyOffset: dirty, bound: bound, dirtyRatio: ratio, isDue: isDue)
    }

    /// Where the first segment begins that has new records and is younger than `age` milliseconds.
    private func firstSegmentOffset(
        youngerThan age: Int64, _ dirty: Offset, _ now: Instant
    ) throws(LogFailure) -> Offset {
        for (segment, next) in zip(segments, segments.dropFirst()) where next.baseOffset > dirty {
            if try newestTimestamp(of: segment) > now.unixMilliseconds - age { return segment.baseOffset }
        }
        return active.baseOffset
    }

    /// Whether a record waits for compaction longer than `max.compaction.lag.ms`.
    private func isOverdue(
        _ cleanable: ArraySlice<LogSegment>, from dirty: Offset, at now: Instant
    ) throws(LogFailure) -> Bool {
        guard settings.maxCompactionLagInMilliseconds < .max else { return false }
        let oldest = now.unixMilliseconds - settings.maxCompactionLagInMilliseconds
        for segment in cleanable where segment.baseOffset >= dirty && segment.size > 0 {
            let first = try segment.timestampOfFirstBatch()
            if first > 0 && first < oldest { return true }
        }
        return false
    }

    /// What has to be on disk before the log may be compacted up to `bound`: what a recovery would read again must be
    /// as it was written. nil when it is.
    package func flushBeforeCleaning(upTo bound: Offset) throws(LogFailure) -> LogFlush? {
        durableRecoveryPoint >= bound ? nil : try beginFlush()
    }

    /// Begins a round of compaction; ``swapIn(_:of:at:)`` and ``endCleaning(_:cleanedUpTo:)`` follow.
    package func beginCleaning(
        _ found: Cleanability, limits: CleaningLimits, secret: (UInt64, UInt64), at now: Instant
    ) throws(LogFailure) -> LogCleaning {
        precondition(
            cleaning == nil && durableRecoveryPoint >= found.bound,
            "compacting \(directory) up to \(found.bound), which is flushed to \(durableRecoveryPoint)")
        let place = segmentIndex(of: found.bound) ?? 0
        var sources: [LogCleaning.Source] = []
        for (segment, next) in zip(segments[..<place], segments[1...]) {
            sources.append(
                LogCleaning.Source(
                    baseOffset: segment.baseOffset, nextOffset: next.baseOffset, sizeInBytes: segment.size,
                    offsetEntryCount: segment.offsetIndex.count, timeEntryCount: segment.timeIndex.count))
        }
        let begun = LogCleaning(
            directory: directory, disk: disk, settings: settings, limits: limits,
            secret: KeyHash.Secret(secret.0, secret.1), sources: sources, firstDirtyOffset: found.firstDirtyOffset,
            bound: found.bound, abortedTransactions: try abortedTransactionEntries(),
            producers: producers.entries.mapValues { LogCleaning.LastOfProducer($0) },
            startedAt: now.unixMilliseconds)
        cleaning = begun
        return begun
    }

    private func abortedTransactionEntries() throws(LogFailure) -> [TransactionIndexEntry] {
        try onDisk { () throws(FileSystemError) in
            var entries: [TransactionIndexEntry] = []
            for segment in segments where segment.transactionIndex.count > 0 {
                entries += try segment.transactionIndex.entries(0..<segment.transactionIndex.count)
            }
            return entries
        }
    }

    /// Puts a compacted segment into the place of those it was made of, unless the log has changed since the round
    /// began. Readers go on with the old files, which go with ``removeDeletedFiles(at:)``.
    ///
    /// Nothing is synced: file systems keep the order of renames, and any part of them can be finished or undone.
    package func swapIn(_ cleaned: CleanedSegment, of round: LogCleaning, at now: Instant) throws(LogFailure) {
        func path(_ suffix: String) -> String { directory + "/" + LogFileName.name(cleaned.baseOffset, suffix) }
        guard cleaning?.cancellation === round.cancellation, !round.cancellation.isCancelled else { return }
        guard let first = segments.firstIndex(where: { $0.baseOffset == cleaned.baseOffset }),
            segments[first...].prefix(cleaned.replaced.count).map(\.baseOffset) == cleaned.replaced
        else { preconditionFailure("\(directory) lost segments \(cleaned.replaced) while they were compacted") }
        try onDisk { () throws(FileSystemError) in
            for suffix in cleaned.suffixes.reversed() {
                try disk.rename(path(suffix + LogFileName.cleaned), to: path(suffix + LogFileName.swap))
            }
        }
        let range = first..<first + cleaned.replaced.count
        for segment in segments[range] { try setAside(segment, at: now) }
        try onDisk { () throws(FileSystemError) in
            for suffix in cleaned.suffixes { try disk.rename(path(suffix + LogFileName.swap), to: path(suffix)) }
        }
        let jitter = SegmentJitter.jitter(of: cleaned.baseOffset, in: directory, settings: settings)
        segments.replaceSubrange(range, with: [LogSegment(cleaned, in: directory, on: disk, jitter: jitter, at: now)])
        hints.forgetAll()
        let replaced = Set(cleaned.replaced.dropFirst())
        try removeSnapshots { replaced.contains($0) }
        isDirectoryUnsynced = true
    }

    /// Ends a round of compaction.
    /// - Parameter offset: what ``LogCleaning/perform(pace:done:)`` returned; nil when it was cancelled or failed.
    /// - Returns: whether ``cleanedUpTo`` has changed, and is to be written down.
    package func endCleaning(_ round: LogCleaning, cleanedUpTo offset: Offset?) throws(LogFailure) -> Bool {
        guard cleaning?.cancellation === round.cancellation else { return false }
        cleaning = nil
        guard let offset, !round.cancellation.isCancelled else { return false }
        try onDisk { () throws(FileSystemError) in try disk.synchronizeDirectory(directory) }
        cleanedUpTo = offset
        return true
    }

    /// Ends a round of compaction that found the log unsound; there will be no other until the log is opened again.
    package func markUncleanable(_ round: LogCleaning) {
        guard cleaning?.cancellation === round.cancellation else { return }
        cleaning = nil
        isUncleanable = true
    }

    /// Makes a round of compaction end that is under way; whatever it still brings is ignored.
    package func cancelCleaning() {
        cleaning?.cancellation.cancel()
        cleaning = nil
    }
}

extension LogCleaning.LastOfProducer {
    init(_ entry: ProducerEntry) {
        lastOffset = entry.lastBatch?.lastOffset
        epoch = entry.epoch
    }
}
