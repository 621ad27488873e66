import ClusterModel
import Seams

/// The slow part of a flush, for another thread.
package struct LogFlush: Sendable {
    let files: [any File]
    let directory: String
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

    /// Brings all into files, and says what is to sync. One flush at a time.
    package func beginFlush() throws(LogFailure) -> LogFlush {
        let files = try onDisk { () throws(FileSystemError) in
            var files: [any File] = []
            for segment in segments {
                try segment.writeThrough()
                files += try segment.takeUnsynced()
            }
            return files
        }
        defer { isDirectoryUnsynced = false }
        return LogFlush(
            files: files, directory: directory, isDirectoryUnsynced: isDirectoryUnsynced, disk: disk,
            endOffset: logEndOffset, truncations: truncations)
    }

    /// Notes that a flush was performed.
    package func finishFlush(_ flush: LogFlush, at now: Instant) {
        if flush.truncations == truncations { recoveryPoint = max(recoveryPoint, flush.endOffset) }
        lastFlush = now
    }
}
