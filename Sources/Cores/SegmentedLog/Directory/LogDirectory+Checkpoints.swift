import ClusterModel
import Seams

/// Checkpoint files that are written only when there is news.
struct CheckpointFiles: OptionSet {
    let rawValue: UInt8

    static let recoveryPoints = CheckpointFiles(rawValue: 1)
    static let highWatermarks = CheckpointFiles(rawValue: 2)
    static let all: CheckpointFiles = [.recoveryPoints, .highWatermarks]
}

/// What is remembered of logs outside their own directories, in Apache Kafka's files. They name copies on their way here
/// like logs that are here: never both are of one partition.
extension LogDirectory {
    /// Writes down up to where each log is synced, so that recovery reads no more than what follows.
    package func writeRecoveryPoints() throws(LogFailure) {
        guard
            partitionsChanged.remove(.recoveryPoints) != nil || !futures.isEmpty
                || logs.values.contains(where: \.hasNewRecoveryPoint)
        else { return }
        try write(CheckpointText.recoveryPointFile, recoveryPoints)
        for log in logs.values { log.rememberRecoveryPoint() }
    }

    package func writeHighWatermarks() throws(LogFailure) {
        guard
            partitionsChanged.remove(.highWatermarks) != nil || !futures.isEmpty
                || logs.values.contains(where: \.hasNewHighWatermark)
        else { return }
        try write(CheckpointText.highWatermarkFile, highWatermarks)
        for log in logs.values { log.rememberHighWatermark() }
    }

    /// Writes down how far logs were compacted.
    package func writeCleanedOffsets() throws(LogFailure) {
        try write(CheckpointText.cleanerOffsetFile, cleanedOffsets)
    }

    /// Writes down where logs begin that begin inside a segment; the others' files tell.
    package func writeLogStartOffsets() throws(LogFailure) {
        try write(CheckpointText.logStartOffsetFile, logStartOffsets)
    }

    /// Takes out of the files what they say of an earlier log of a partition, before another one begins.
    func forgetCheckpoints(of partition: TopicPartition) throws(LogFailure) {
        func isNamed(in file: String) -> Bool { checkpointed[file]?[partition] != nil }
        if isNamed(in: CheckpointText.recoveryPointFile) {
            try write(CheckpointText.recoveryPointFile, recoveryPoints)
            for log in logs.values { log.rememberRecoveryPoint() }
        }
        if isNamed(in: CheckpointText.highWatermarkFile) {
            try write(CheckpointText.highWatermarkFile, highWatermarks)
        }
        if isNamed(in: CheckpointText.logStartOffsetFile) { try writeLogStartOffsets() }
        if isNamed(in: CheckpointText.cleanerOffsetFile) { try writeCleanedOffsets() }
    }

    private var recoveryPoints: [TopicPartition: Offset] {
        logs.mapValues(\.recoveryPoint).merging(futures.mapValues(\.progress.recoveryPoint)) { log, _ in log }
    }

    private var highWatermarks: [TopicPartition: Offset] {
        logs.mapValues(\.highWatermark).merging(futures.mapValues(\.progress.highWatermark)) { log, _ in log }
    }

    private var logStartOffsets: [TopicPartition: Offset] {
        var offsets = logs.filter { $0.value.logStartOffset > $0.value.firstSegmentOffset }.mapValues(\.logStartOffset)
        for (partition, future) in futures where offsets[partition] == nil {
            let start = future.progress.logStartOffset
            if start > 0 { offsets[partition] = start }
        }
        return offsets
    }

    /// What is being copied is not compacted: ``FutureLog/complete(_:at:)`` tells what the copies inherited.
    private var cleanedOffsets: [TopicPartition: Offset] {
        logs.compactMapValues(\.cleanedUpTo).merging(futures.compactMapValues(\.progress.cleanedUpTo)) { log, _ in log }
    }

    private func write(_ file: String, _ offsets: [TopicPartition: Offset]) throws(LogFailure) {
        try onDisk { () throws(FileSystemError) in
            try disk.replace(path + "/" + file, with: CheckpointText.write(offsets))
        }
        checkpointed[file] = offsets
    }
}
