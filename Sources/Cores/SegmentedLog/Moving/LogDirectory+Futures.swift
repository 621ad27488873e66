import ClusterModel
import Seams

/// Copies of logs that are to move into this directory: in directories of their own, named as Apache's brokers do.
///
/// A copy takes the place of its log so: a mark is put into its directory, it gets its partition's name, the log that it
/// is a copy of is deleted, the mark goes. Between the last two steps both directories have the partition's name, and
/// the mark tells a restart which of them is to stay.
extension LogDirectory {
    /// Opens the copy in a directory of that name, if it is one. What cannot be used is removed: the log is elsewhere.
    func openFuture(
        in name: String, _ settings: (TopicPartition) -> LogSettings, _ stored: StoredOffsets, at now: Instant
    ) throws(LogFailure) {
        guard let partition = LogFileName.partition(ofFuture: name) else { return }
        let directory = path + "/" + name
        guard logs[partition] == nil, futures[partition] == nil else {
            reports.append("\(directory) is another copy of \(partition), and is removed")
            return try onDisk { () throws(FileSystemError) in try Self.removeAll(directory, on: disk) }
        }
        do throws(LogFailure) {
            let log = try PartitionLog.open(
                directory: directory, fileSystem: disk, settings: settings(partition),
                checkpoint: stored.checkpoint(of: partition, wasClosed: wasClosed), at: now)
            log.letGoOfOpenedFiles()
            futures[partition] = FutureLog(log, topicID: try storedTopicID(in: directory))
        } catch {
            guard error.concernsOnePartition else { throw error }
            reports.append("\(directory), a copy on its way here, cannot be used and is removed: \(error)")
            try onDisk { () throws(FileSystemError) in try Self.removeAll(directory, on: disk) }
        }
    }

    /// Begins a copy of a log that is in another directory. Durable on return, so that the move survives a crash.
    /// - Parameter uniqueID: tells it from other copies of the partition.
    func createFuture(
        of partition: TopicPartition, like log: PartitionLog, topicID: KafkaUUID?, uniqueID: KafkaUUID,
        at now: Instant
    ) throws(LogFailure) {
        guard let name = LogFileName.futureDirectory(of: partition, uniqueID: uniqueID) else {
            preconditionFailure("a copy of \(partition), whose name is too long for one")
        }
        try forgetCheckpoints(of: partition)
        let directory = path + "/" + name
        try createDirectory(directory, topicID: topicID)
        let start = LogCheckpoint(logStartOffset: try log.startOfFirstBatch())
        let copy = try PartitionLog.open(
            directory: directory, fileSystem: disk, settings: log.settings, checkpoint: start, at: now)
        try onDisk { () throws(FileSystemError) in try disk.synchronizeDirectory(path) }
        futures[partition] = FutureLog(copy, topicID: topicID)
    }

    /// Gives up a copy; its files go with the next ``removeDeletedFiles(at:)``. Durable on return.
    func discardFuture(of partition: TopicPartition, uniqueID: KafkaUUID, at now: Instant) throws(LogFailure) {
        guard let future = futures.removeValue(forKey: partition) else { return }
        partitionsChanged = .all
        try putInLine(future.directory, of: partition, uniqueID: uniqueID, due: now)
    }

    /// Has a copy, which holds all of `log`, take its place here; the directory of `log` has to go next, and then the
    /// mark (``endTakeover(of:)``). Durable on return.
    func promoteFuture(
        of partition: TopicPartition, from log: PartitionLog, topicID: KafkaUUID?, uniqueID: KafkaUUID, at now: Instant
    ) throws(LogFailure) -> PartitionLog {
        guard let future = futures[partition] else { preconditionFailure("\(path) has no copy of \(partition)") }
        let checkpoint = try future.complete(log.inheritance, at: now)
        try writeRecoveryPoints()
        try writeHighWatermarks()
        try writeLogStartOffsets()
        try writeCleanedOffsets()
        let directory = path + "/" + partition.description
        try onDisk { () throws(FileSystemError) in
            if let topicID, topicID != future.topicID {
                let metadata = future.directory + "/" + PartitionMetadata.fileName
                try disk.put(PartitionMetadata.write(topicID), into: metadata)
            }
            _ = try disk.open(future.directory + "/" + LogFileName.takingOver, .readWrite)
            try disk.synchronizeDirectory(future.directory)
            try disk.rename(future.directory, to: directory)
            try disk.synchronizeDirectory(path)
        }
        futures[partition] = nil
        partitionsChanged = .all
        do throws(LogFailure) {
            let promoted = try PartitionLog.open(
                directory: directory, fileSystem: disk, settings: log.settings, checkpoint: checkpoint, at: now)
            // Opening forgets an epoch in which there is no record yet.
            promoted.leaderEpochs = log.leaderEpochs
            logs[partition] = promoted
            topicIDs[partition] = topicID
            unusable.remove(partition)
            return promoted
        } catch {
            guard error.concernsOnePartition else { throw error }
            try putInLine(directory, of: partition, uniqueID: uniqueID, due: now)
            throw error
        }
    }

    /// Takes away the mark of a log that has taken another's place, if it bears one. Durable on return: in the next move
    /// it would be on both logs.
    func endTakeover(of partition: TopicPartition) throws(LogFailure) {
        guard try isTakingOver(partition) else { return }
        let directory = path + "/" + partition.description
        try onDisk { () throws(FileSystemError) in
            try disk.remove(directory + "/" + LogFileName.takingOver)
            try disk.synchronizeDirectory(directory)
        }
    }

    /// Whether a partition's log bears the mark of one that takes another's place.
    func isTakingOver(_ partition: TopicPartition) throws(LogFailure) -> Bool {
        try onDisk { () throws(FileSystemError) in
            try disk.attributes(path + "/" + partition.description + "/" + LogFileName.takingOver) != nil
        }
    }

    /// Makes a log that was to take another's place a copy again, for it lost its end with a crash.
    func demote(_ partition: TopicPartition, uniqueID: KafkaUUID, at now: Instant) throws(LogFailure) {
        guard let log = logs.removeValue(forKey: partition) else { return }
        partitionsChanged = .all
        let topicID = topicIDs.removeValue(forKey: partition)
        try endTakeover(of: partition)
        guard let name = LogFileName.futureDirectory(of: partition, uniqueID: uniqueID) else {
            return try putInLine(log.directory, of: partition, uniqueID: uniqueID, due: now)
        }
        let checkpoint = LogCheckpoint(
            recoveryPoint: log.recoveryPoint, logStartOffset: log.logStartOffset, highWatermark: log.highWatermark,
            cleanedUpTo: log.cleanedUpTo)
        try onDisk { () throws(FileSystemError) in
            try disk.rename(log.directory, to: path + "/" + name)
            try disk.synchronizeDirectory(path)
        }
        let copy = try PartitionLog.open(
            directory: path + "/" + name, fileSystem: disk, settings: log.settings, checkpoint: checkpoint, at: now)
        futures[partition] = FutureLog(copy, topicID: topicID)
    }
}
