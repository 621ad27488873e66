import ClusterModel
import Seams
import SegmentedLog

/// What a broker does for its logs from time to time, and when each is due.
struct Upkeep {
    private(set) var nextRetention: Instant
    private(set) var nextCheckpoint: Instant
    private(set) var nextFlushCheck: Instant
    /// Those whose logs may want to be flushed, or rid of files, each once.
    private(set) var partitions: [Partition] = []
    private let settings: BrokerKernelSettings

    /// How often `flush.ms` and files to delete are looked at.
    private static let flushCheckInterval = Duration.seconds(1)

    init(settings: BrokerKernelSettings, at now: Instant) {
        self.settings = settings
        nextRetention = now + settings.retentionCheckInterval
        nextCheckpoint = now + settings.highWatermarkCheckpointInterval
        nextFlushCheck = now + Self.flushCheckInterval
    }

    var nextDeadline: Instant { min(nextRetention, nextCheckpoint, nextFlushCheck) }

    /// Notes that a log has changed. One that is idle costs nothing until it is noted again.
    mutating func note(_ partition: Partition) {
        guard !partition.isInUpkeep else { return }
        partition.isInUpkeep = true
        partitions.append(partition)
    }

    /// Takes all that were noted.
    mutating func takePartitions() -> [Partition] {
        defer { partitions = [] }
        for partition in partitions { partition.isInUpkeep = false }
        return partitions
    }

    mutating func takeRetention(at now: Instant) -> Bool {
        take(\.nextRetention, every: settings.retentionCheckInterval, at: now)
    }

    mutating func takeCheckpoint(at now: Instant) -> Bool {
        take(\.nextCheckpoint, every: settings.highWatermarkCheckpointInterval, at: now)
    }

    mutating func takeFlushCheck(at now: Instant) -> Bool {
        take(\.nextFlushCheck, every: Self.flushCheckInterval, at: now)
    }

    private mutating func take(
        _ next: WritableKeyPath<Upkeep, Instant>, every interval: Duration, at now: Instant
    ) -> Bool {
        guard self[keyPath: next] <= now else { return false }
        self[keyPath: next] = now + interval
        return true
    }
}

extension BrokerKernel {
    /// Does what is due: removes what is too old, writes logs to disk, and writes down how far they are.
    mutating func keepUp() {
        if upkeep.takeFlushCheck(at: now) { serveDueLogs() }
        if upkeep.takeRetention(at: now) {
            removeOldRecords()
            onStore { store, _ throws(LogFailure) in try store.writeLogStartOffsets() }
        }
        if upkeep.takeCheckpoint(at: now) {
            onStore { store, _ throws(LogFailure) in try store.writeHighWatermarks() }
            onStore { store, _ throws(LogFailure) in try store.writeRecoveryPoints() }
            onStore { store, now throws(LogFailure) in try store.removeDeletedFiles(at: now) }
        }
    }

    /// Writes everything to disk and marks the logs as closed; the kernel takes no event afterwards.
    package mutating func shutDown(at now: Instant, into effects: inout [Effect]) {
        do throws(LogFailure) {
            try logStore.close(at: now)
        } catch {
            effects.append(.report("the logs could not be closed, and will be recovered at the next start: \(error)"))
        }
    }

    private mutating func onStore(_ body: (LogStore, Instant) throws(LogFailure) -> Void) {
        _ = onLog { [logStore, now] () throws(LogFailure) in try body(logStore, now) }
    }

    /// Flushes logs and removes files where it is due, of the logs that have changed.
    private mutating func serveDueLogs() {
        for partition in upkeep.takePartitions().sorted(by: { $0.name < $1.name })
        where partitions[partition.name] === partition {
            guard partition.log.wantsService(at: now) else {
                if partition.log.mayWantService { upkeep.note(partition) }
                continue
            }
            let flush = onLog { [now] () throws(LogFailure) -> LogFlush? in
                if partition.log.isFlushDue(at: now) { try partition.log.flush(at: now) }
                try partition.log.removeDeletedFiles(at: now)
                return try partition.log.flushOfEndedSegments()
            }
            if let flush, let flush { perform(.onDiskThread(.flush(partition.name, flush))) }
            upkeep.note(partition)
        }
    }

    private mutating func removeOldRecords() {
        for partition in partitions.values.sorted(by: { $0.name < $1.name }) {
            let log = partition.log
            let start = log.logStartOffset
            _ = onLog { [now] () throws(LogFailure) in try log.retain(at: now) }
            log.expireProducers(at: now)
            log.letGoOfFiles()
            upkeep.note(partition)
            if log.logStartOffset != start { parkedFetches.note(partition) }
        }
    }
}

extension PartitionLog {
    fileprivate func wantsService(at now: Instant) -> Bool {
        isFlushDue(at: now) || hasUnsyncedEndedSegments || (nextFileDeletion.map { $0 <= now } ?? false)
    }

    /// Whether it will want service though nothing more happens to it.
    fileprivate var mayWantService: Bool {
        nextFileDeletion != nil
            || recoveryPoint < logEndOffset && settings.flushIntervalInMilliseconds < .max
    }
}
