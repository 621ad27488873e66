import ClusterModel
import Seams

/// The slow part of a flush, for another thread.
package struct LogFlush: Sendable {
    let files: [any File]
    package let directory: String
    let isDirectoryUnsynced: Bool
    let disk: any FileSystem
    /// All before it survives a crash once this is done, unless the log was truncated meanwhile.
    package let endOffset: Offset
    let truncations: Int

    /// Syncs the files, the oldest first, and then their directory.
    ///
    /// After an error nothing is known about what the log holds on disk; do not try again.
    package func perform() throws(FileSystemError) {
        for file in files { try file.synchronize() }
        if isDirectoryUnsynced { try disk.synchronizeDirectory(directory) }
    }
}

extension PartitionLog {
    /// Whether `flush.messages` or `flush.ms` ask for a flush.
    package func isFlushDue(at now: Instant) -> Bool {
        guard recoveryPoint < logEndOffset else { return false }
        return logEndOffset - recoveryPoint >= settings.flushIntervalInRecords
            || (now - lastFlush).nanoseconds / 1_000_000 >= settings.flushIntervalInMilliseconds
    }

    /// Makes all that was appended survive a crash.
    package func flush(at now: Instant) throws(LogFailure) {
        let flush = try beginFlush()
        try onDisk { () throws(FileSystemError) in try flush.perform() }
        finishFlush(flush, at: now)
    }

    /// Brings all into files, and says what is to sync.
    package func beginFlush() throws(LogFailure) -> LogFlush { try beginFlush(of: segments[...], upTo: logEndOffset) }

    /// Likewise for the segments that nothing is appended to any more, so that a recovery need not read them; nil when
    /// there is nothing to do or another flush is under way.
    package func flushOfEndedSegments() throws(LogFailure) -> LogFlush? {
        guard hasUnsyncedEndedSegments else { return nil }
        return try beginFlush(of: segments.dropLast(), upTo: active.baseOffset)
    }

    /// Whether a segment has ended since the last flush, and no flush is under way.
    package var hasUnsyncedEndedSegments: Bool { recoveryPoint < active.baseOffset && flushUnderWay == nil }

    private func beginFlush(
        of flushed: ArraySlice<LogSegment>, upTo end: Offset
    ) throws(LogFailure) -> LogFlush {
        if hasUnwrittenEpoch { try writeLeaderEpochs() }
        // What another flush has not finished yet counts for nothing: this one may be done before it.
        var files = flushUnderWay?.files ?? []
        try onDisk { () throws(FileSystemError) in
            for segment in flushed {
                try segment.writeThrough()
                files += try segment.takeUnsynced()
            }
        }
        for offset in unsyncedSnapshots.keys.sorted() where offset <= end {
            if let file = unsyncedSnapshots.removeValue(forKey: offset) { files.append(file) }
        }
        let flush = LogFlush(
            files: files, directory: directory,
            isDirectoryUnsynced: isDirectoryUnsynced || flushUnderWay?.isDirectoryUnsynced ?? false, disk: disk,
            endOffset: end, truncations: truncations)
        isDirectoryUnsynced = false
        flushUnderWay = flush
        return flush
    }

    /// Notes that a flush was performed.
    package func finishFlush(_ flush: LogFlush, at now: Instant) {
        flushUnderWay = nil
        if flush.truncations == truncations { recoveryPoint = max(recoveryPoint, flush.endOffset) }
        lastFlush = now
    }
}
