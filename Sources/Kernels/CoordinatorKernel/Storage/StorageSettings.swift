/// Where the coordinator keeps its files, and how much of what.
package struct StorageSettings: Sendable, Equatable {
    /// Snapshots (`dataDir`).
    package var snapshotDirectory: String
    /// The transaction log (`dataLogDir`); may be the same.
    package var logDirectory: String
    /// How far ahead of its end a log file is filled with zeros (`preAllocSize`), in steps that hold up no change for
    /// long.
    package var allocationSizeInBytes: Int
    /// Whether changes are acknowledged only when they are durable (`forceSync`). If not, a power cut takes away what was
    /// acknowledged.
    package var syncsLog = true
    /// From this size on a log file is followed by a new one.
    package var logFileSizeInBytes: Int
    /// Snapshots that are kept (`autopurge.snapRetainCount`), with the log that leads on from the oldest.
    package var retainedSnapshotCount: Int
    /// Whether a log of Apache ZooKeeper's is taken over that has no snapshot below it (`snapshot.trust.empty`).
    package var trustsEmptySnapshot = false

    /// So much is filled with zeros at a time.
    var allocationStepInBytes: Int { min(1 << 20, allocationSizeInBytes) }

    package init(
        snapshotDirectory: String, logDirectory: String? = nil, allocationSizeInBytes: Int = 16 << 20,
        logFileSizeInBytes: Int = 256 << 20, retainedSnapshotCount: Int = 3
    ) {
        self.snapshotDirectory = snapshotDirectory
        self.logDirectory = logDirectory ?? snapshotDirectory
        self.allocationSizeInBytes = allocationSizeInBytes
        self.logFileSizeInBytes = logFileSizeInBytes
        self.retainedSnapshotCount = retainedSnapshotCount
    }
}
