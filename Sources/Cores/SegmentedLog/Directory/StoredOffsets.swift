import ClusterModel
import Seams

/// The offsets that a data directory's checkpoint files remember of its partitions.
struct StoredOffsets {
    private var recoveryPoints: [TopicPartition: Offset]
    private var highWatermarks: [TopicPartition: Offset]
    private var logStartOffsets: [TopicPartition: Offset]
    private var cleanedOffsets: [TopicPartition: Offset]
    /// What was wrong with them, as sentences.
    private(set) var reports: [String] = []

    init(_ directory: String, on disk: any FileSystem) throws(LogFailure) {
        var reports: [String] = []
        func offsets(_ file: String) throws(LogFailure) -> [TopicPartition: Offset] {
            let path = directory + "/" + file
            let bytes = try onDisk { () throws(FileSystemError) in try disk.contents(of: path) }
            guard let bytes else { return [:] }
            if let offsets = CheckpointText.readOffsets(bytes) { return offsets }
            // Without it more is read and found again; it is no reason not to start.
            reports.append("\(path) is no list of partitions and offsets, and is written anew")
            return [:]
        }
        recoveryPoints = try offsets(CheckpointText.recoveryPointFile)
        highWatermarks = try offsets(CheckpointText.highWatermarkFile)
        logStartOffsets = try offsets(CheckpointText.logStartOffsetFile)
        cleanedOffsets = try offsets(CheckpointText.cleanerOffsetFile)
        self.reports = reports
    }

    /// What each file says.
    var byFile: [String: [TopicPartition: Offset]] {
        [
            CheckpointText.recoveryPointFile: recoveryPoints, CheckpointText.highWatermarkFile: highWatermarks,
            CheckpointText.logStartOffsetFile: logStartOffsets, CheckpointText.cleanerOffsetFile: cleanedOffsets,
        ]
    }

    /// What is not remembered is 0: then all is read again.
    func checkpoint(of partition: TopicPartition, wasClosed: Bool) -> LogCheckpoint {
        LogCheckpoint(
            recoveryPoint: recoveryPoints[partition] ?? 0, logStartOffset: logStartOffsets[partition] ?? 0,
            highWatermark: highWatermarks[partition] ?? 0, cleanedUpTo: cleanedOffsets[partition], wasClosed: wasClosed)
    }
}
