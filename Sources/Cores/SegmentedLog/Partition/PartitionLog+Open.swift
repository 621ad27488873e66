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
        try onDisk { () throws(FileSystemError) in try active.writeIndexes(sealing: false) }
        try takeSnapshot(at: logEndOffset)
        try flush(at: now)
    }
}
