import CoordinatorKernel
import Seams

/// What the coordinator's disk has been asked for, and how long it took.
struct DiskStatistics: Sendable {
    /// In nanoseconds.
    var syncTimes = Distribution()
    /// Changes that were made durable together.
    var batchSizes = Distribution()
    /// Syncs that took longer than they should (`fsync.warningthresholdms`).
    var slowSyncs: Int64 = 0
    /// In nanoseconds, from the first byte until it was durable.
    var snapshotTimes = Distribution()

    mutating func add(_ batch: SyncThread.Batch) {
        syncTimes.add(batch.took.nanoseconds)
        batchSizes.add(Int64(batch.count))
        if batch.isSlow { slowSyncs += 1 }
    }

    /// Ends a window of the distributions.
    mutating func turn() {
        syncTimes.turn()
        batchSizes.turn()
        snapshotTimes.turn()
    }
}

/// What the start had to do before clients could be served.
struct RestoreStatistics: Sendable {
    var took: Duration
    /// Changes of the log after the snapshot.
    var replayedCount: Int
}
