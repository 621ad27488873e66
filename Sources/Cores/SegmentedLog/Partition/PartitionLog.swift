import ClusterModel
import Records
import Seams

/// The log of one partition: segments of record batches, oldest first, in Apache Kafka's files.
///
/// Invariants: `logStartOffset <= highWatermark <= logEndOffset`, `recoveryPoint <= logEndOffset`; segments are sorted
/// and never none; the last one is written to. One thread uses it; the files of slices and flushes may be used by
/// others.
package final class PartitionLog {
    package let directory: String
    let disk: any FileSystem
    package var settings: LogSettings
    var segments: [LogSegment]
    var producers: ProducerStates
    package internal(set) var leaderEpochs: LeaderEpochHistory
    /// Whether the file of epochs lacks some. It is written with the next flush: a recovery finds those of later batches
    /// in these, and when a broker fails others begin thousands of epochs at once.
    var hasUnwrittenEpoch = false
    /// The first offset that can be read.
    package internal(set) var logStartOffset: Offset
    /// The offset that the next record gets.
    package internal(set) var logEndOffset: Offset
    /// All before it is committed.
    package private(set) var highWatermark: Offset
    /// All before it survives a crash.
    package internal(set) var recoveryPoint: Offset
    /// The recovery point that is written down in the data directory.
    var rememberedRecoveryPoint: Offset
    private var rememberedHighWatermark: Offset = -1
    /// Before it each key stood once when the log was compacted last; nil when it never was.
    package internal(set) var cleanedUpTo: Offset?
    /// The round of compaction that is under way.
    var cleaning: LogCleaning?
    /// Whether compaction has found records that make no sense.
    package internal(set) var isUncleanable = false
    /// What opening found.
    package let recovery: RecoveryReport

    var hints = PositionHints()
    /// Offsets of the producer snapshots on disk, rising.
    var snapshots: [Offset]
    /// Those that a crash may take.
    var unsyncedSnapshots: [Offset: any File] = [:]
    var deletions: [DelayedDeletion] = []
    var isDirectoryUnsynced: Bool
    /// How often records were taken off the end, so that a flush that was under way is known not to count.
    var truncations = 0
    var lastFlush: Instant
    /// Begun and not finished.
    var flushUnderWay: LogFlush?
    /// Memory of ``append(_:leaderEpoch:origin:inspector:at:)``, used again and again.
    var headers: [RecordBatchHeader] = []
    var changes = ProducerChanges()

    init(
        _ loaded: LoadedLog, on disk: any FileSystem, settings: LogSettings, checkpoint: LogCheckpoint, at now: Instant
    ) {
        directory = loaded.directory
        self.disk = disk
        self.settings = settings
        segments = loaded.segments
        producers = loaded.producers
        leaderEpochs = loaded.leaderEpochs
        hasUnwrittenEpoch = loaded.hasUnwrittenEpoch
        logStartOffset = loaded.logStartOffset
        logEndOffset = loaded.logEndOffset
        recoveryPoint = min(loaded.recoveryPoint, loaded.logEndOffset)
        rememberedRecoveryPoint = checkpoint.recoveryPoint
        cleanedUpTo = checkpoint.cleanedUpTo
        recovery = loaded.report
        snapshots = loaded.snapshots
        isDirectoryUnsynced = loaded.hasChangedFiles || !checkpoint.wasClosed
        lastFlush = now
        self.highWatermark = min(max(checkpoint.highWatermark, loaded.logStartOffset), loaded.logEndOffset)
        producers.highWatermarkAdvanced(to: self.highWatermark)
    }

    var active: LogSegment {
        guard let last = segments.last else { preconditionFailure("the log in \(directory) has no segment") }
        return last
    }

    /// No log that a mirror writes begins or goes on beyond it: there have to be offsets left.
    package static let largestOffset: Offset = 1 << 62

    /// Whether there is nothing to read, now or when more is committed.
    package var isEmpty: Bool { logStartOffset == logEndOffset }
    /// Bytes of batches in all segments.
    package var sizeInBytes: Int { segments.reduce(0) { $0 + $1.size } }
    package var segmentCount: Int { segments.count }
    /// Where the oldest segment begins.
    package var firstSegmentOffset: Offset { segments.first?.baseOffset ?? logStartOffset }

    /// The first offset that is not committed or belongs to a transaction that is not decided (KIP-98).
    package var lastStableOffset: Offset {
        guard let unstable = producers.firstUnstableOffset else { return highWatermark }
        return min(highWatermark, max(unstable, logStartOffset))
    }

    /// Closes files that are not in use, so that a log that nobody reads or writes costs no descriptors.
    package func letGoOfFiles() { for segment in segments { segment.letGo(evenUnsynced: false) } }

    /// Closes all files of a log that was just opened or begun. It holds no more than another process has left, whose
    /// files are closed as well, than indexes, which can be made again, or than nothing.
    func letGoOfOpenedFiles() { for segment in segments { segment.letGo(evenUnsynced: true) } }

    /// Notes that the recovery point has been written down.
    /// Of the disk that it lies on; nil where that is not known.
    package func room() throws(FileSystemError) -> DiskRoom? { try disk.room(at: directory) }

    package func rememberRecoveryPoint() { rememberedRecoveryPoint = recoveryPoint }
    /// All before it is as synced for the next recovery as for this process.
    var durableRecoveryPoint: Offset { min(rememberedRecoveryPoint, recoveryPoint) }
    var hasNewRecoveryPoint: Bool { rememberedRecoveryPoint != recoveryPoint }

    /// Notes that the high watermark has been written down.
    func rememberHighWatermark() { rememberedHighWatermark = highWatermark }
    var hasNewHighWatermark: Bool { rememberedHighWatermark != highWatermark }

    /// Learns that all before `offset` is committed; an offset behind is ignored, one past the log's end is cut to it.
    package func advanceHighWatermark(to offset: Offset) {
        let offset = min(offset, logEndOffset)
        guard offset > highWatermark else { return }
        highWatermark = offset
        producers.highWatermarkAdvanced(to: offset)
    }

    /// Takes the high watermark back with the log's end, or forward with its start.
    func boundHighWatermark() {
        highWatermark = min(max(highWatermark, logStartOffset), logEndOffset)
    }

    /// What is known of each producer, by id (`DescribeProducers`).
    package var activeProducers: [(producerID: ProducerID, entry: ProducerEntry)] {
        producers.entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Transactions that are not decided, by first offset.
    package var openTransactions: [(producerID: ProducerID, entry: ProducerEntry, firstOffset: Offset)] {
        producers.entries.compactMap { id, entry in entry.transactionFirstOffset.map { (id, entry, $0) } }
            .sorted { $0.firstOffset < $1.firstOffset }
    }

    /// The largest timestamp of a record, in milliseconds since 1970; -1 for none.
    package var maxTimestamp: Int64 { segments.reduce(-1) { max($0, $1.maxTimestamp) } }

    /// Forgets producers that were silent too long.
    package func expireProducers(at now: Instant) {
        producers.expire(at: now.unixMilliseconds, after: settings.producerExpirationInMilliseconds)
    }

    /// The place in `segments` of the one that an offset belongs to; nil before the first.
    func segmentIndex(of offset: Offset) -> Int? {
        if let last = segments.last, last.baseOffset <= offset { return segments.count - 1 }
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].baseOffset <= offset { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }
}
