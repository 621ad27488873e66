import ClusterModel
import Seams

extension PartitionLog {
    /// Opens the log in a directory, or begins one there.
    ///
    /// What was not synced before a crash is read and checked; it is cut from the first batch that is not sound. Opening
    /// again finds the same.
    package static func open(
        directory: String, fileSystem: any FileSystem, settings: LogSettings, checkpoint: LogCheckpoint,
        at now: Instant
    ) throws(LogFailure) -> PartitionLog {
        let loaded = try LoadedLog(
            directory, on: fileSystem, settings: settings, checkpoint: checkpoint, at: now)
        return PartitionLog(
            loaded, on: fileSystem, settings: settings, checkpoint: checkpoint, at: now)
    }

    /// Makes all durable so that the next opening need not read it. Nothing may be appended afterwards.
    package func close(at now: Instant) throws(LogFailure) {
        guard let flush = try beginClose() else { return }
        try onDisk { () throws(FileSystemError) in try flush.perform() }
        finishFlush(flush, at: now)
    }

    /// Likewise, up to what is to sync then; nil when that is nothing.
    ///
    /// A log that never had a record is left as it is: a broker may have thousands of them, and whatever a crash leaves
    /// of its files is opened as a log without records.
    func beginClose() throws(LogFailure) -> LogFlush? {
        guard logEndOffset > 0 else { return nil }
        try onDisk { () throws(FileSystemError) in try active.writeIndexes(sealing: false) }
        try takeSnapshot(at: logEndOffset)
        return try beginFlush()
    }
}
