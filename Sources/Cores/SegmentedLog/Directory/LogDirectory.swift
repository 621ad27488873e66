import ClusterModel
import Seams

/// A broker's data directory: the logs of its partitions, what is remembered about them, and whose it is.
///
/// Used by one thread. That no other process uses it is seen to outside (`DirectoryLock`).
package final class LogDirectory {
    static let cleanShutdownFile = ".kafka_cleanshutdown"

    package let path: String
    let disk: any FileSystem
    package private(set) var logs: [TopicPartition: PartitionLog] = [:]
    /// The topic ids in the partitions' directories.
    package private(set) var topicIDs: [TopicPartition: KafkaUUID] = [:]
    package let metaProperties: MetaProperties
    /// Whether the last process ended as it should.
    package let wasClosed: Bool
    private var deletions: [DelayedDeletion] = []

    /// Whose a data directory is to be.
    package struct Owner: Sendable {
        package var brokerID: BrokerID
        package var clusterID: String
        /// Written down when the directory is new.
        package var newDirectoryID: KafkaUUID

        package init(brokerID: BrokerID, clusterID: String, newDirectoryID: KafkaUUID) {
            self.brokerID = brokerID
            self.clusterID = clusterID
            self.newDirectoryID = newDirectoryID
        }
    }

    /// Opens the directory and all logs in it, recovering those that were not closed; creates an absent one.
    /// - Parameter settings: those of a partition's topic.
    package init(
        _ path: String, fileSystem: any FileSystem, owner: Owner, at now: Instant,
        settings: (TopicPartition) -> LogSettings
    ) throws(LogDirectoryFailure) {
        self.path = path
        disk = fileSystem
        metaProperties = try Self.claim(path, on: fileSystem, for: owner)
        do throws(LogFailure) {
            let marker = path + "/" + Self.cleanShutdownFile
            wasClosed = try onDisk { () throws(FileSystemError) in try fileSystem.attributes(marker) != nil }
            let stored = try StoredOffsets(path, on: fileSystem)
            let names = try onDisk { () throws(FileSystemError) in try fileSystem.list(path) }
            // Before anything is written: should this process end, the next must not think all is closed.
            try onDisk { () throws(FileSystemError) in
                try fileSystem.remove(marker)
                for name in names where name.hasSuffix("-delete") { try Self.removeAll(path + "/" + name, on: disk) }
                try fileSystem.synchronizeDirectory(path)
            }
            for name in names {
                guard let partition = LogFileName.partition(of: name) else { continue }
                let checkpoint = stored.checkpoint(of: partition, wasClosed: wasClosed)
                try open(partition, settings(partition), checkpoint, at: now)
            }
        } catch {
            throw .log(error)
        }
    }

    /// Sees whose the directory is, and makes it the owner's when it is nobody's.
    private static func claim(
        _ path: String, on disk: any FileSystem, for owner: Owner
    ) throws(LogDirectoryFailure) -> MetaProperties {
        let file = path + "/" + MetaProperties.fileName
        let bytes: [UInt8]?
        do throws(FileSystemError) { bytes = try disk.contents(of: file) } catch { throw .log(.disk(error)) }
        var properties = MetaProperties(brokerID: nil, clusterID: nil, directoryID: nil)
        if let bytes { properties = try MetaProperties(reading: bytes) }
        if let found = properties.clusterID, found != owner.clusterID {
            throw .ofAnotherCluster(directory: path, found: found, expected: owner.clusterID)
        }
        if let found = properties.brokerID, found != owner.brokerID {
            throw .ofAnotherBroker(directory: path, found: found, expected: owner.brokerID)
        }
        let complete = MetaProperties(
            brokerID: owner.brokerID, clusterID: owner.clusterID,
            directoryID: properties.directoryID ?? (bytes == nil ? owner.newDirectoryID : nil))
        guard complete != properties else { return properties }
        do throws(FileSystemError) {
            try disk.createDirectory(path)
            try disk.replace(file, with: complete.bytes)
        } catch {
            throw .log(.disk(error))
        }
        return complete
    }

    private func open(
        _ partition: TopicPartition, _ settings: LogSettings, _ checkpoint: LogCheckpoint, at now: Instant
    ) throws(LogFailure) {
        let directory = path + "/" + partition.description
        logs[partition] = try PartitionLog.open(
            directory: directory, fileSystem: disk, settings: settings, checkpoint: checkpoint, at: now)
        let metadata = directory + "/" + PartitionMetadata.fileName
        guard let bytes = try onDisk({ () throws(FileSystemError) in try disk.contents(of: metadata) }) else { return }
        guard let id = PartitionMetadata.read(bytes) else {
            throw .corrupt(path: metadata, position: 0, reason: "it names no topic id")
        }
        topicIDs[partition] = id
    }

    /// The log of a partition, begun when there is none. Durable on return.
    package func create(
        _ partition: TopicPartition, topicID: KafkaUUID?, settings: LogSettings, at now: Instant
    ) throws(LogFailure) -> PartitionLog {
        if let log = logs[partition] { return log }
        let directory = path + "/" + partition.description
        try onDisk { () throws(FileSystemError) in
            try disk.createDirectory(directory)
            if let topicID {
                try disk.replace(
                    directory + "/" + PartitionMetadata.fileName, with: PartitionMetadata.write(topicID))
            }
        }
        let log = try PartitionLog.open(
            directory: directory, fileSystem: disk, settings: settings, checkpoint: LogCheckpoint(), at: now)
        try log.flush(at: now)
        try onDisk { () throws(FileSystemError) in try disk.synchronizeDirectory(path) }
        logs[partition] = log
        topicIDs[partition] = topicID
        return log
    }

    /// Takes a partition's directory out of use; its files go with ``removeDeletedFiles(at:)``. Durable on return.
    /// - Parameter uniqueID: tells it from earlier directories of the same name.
    package func delete(
        _ partition: TopicPartition, uniqueID: KafkaUUID, at now: Instant
    ) throws(LogFailure) {
        guard let log = logs.removeValue(forKey: partition) else { return }
        topicIDs[partition] = nil
        log.cancelCleaning()
        let target = path + "/" + LogFileName.deletedDirectory(of: partition, uniqueID: uniqueID)
        try onDisk { () throws(FileSystemError) in
            try disk.rename(path + "/" + partition.description, to: target)
            try disk.synchronizeDirectory(path)
        }
        let delay = Duration.milliseconds(log.settings.fileDeleteDelayInMilliseconds)
        deletions.append(DelayedDeletion(paths: [target], due: now + delay))
    }

    /// Removes the files of directories and segments that went `file.delete.delay.ms` ago or earlier.
    package func removeDeletedFiles(at now: Instant) throws(LogFailure) {
        for deletion in deletions where deletion.due <= now {
            try onDisk { () throws(FileSystemError) in
                for path in deletion.paths { try Self.removeAll(path, on: disk) }
            }
        }
        deletions.removeAll { $0.due <= now }
        for (_, log) in logs.sorted(by: { $0.key < $1.key }) { try log.removeDeletedFiles(at: now) }
    }

    private static func removeAll(_ path: String, on disk: any FileSystem) throws(FileSystemError) {
        guard try disk.attributes(path) != nil else { return }
        for name in try disk.list(path) { try disk.remove(path + "/" + name) }
        try disk.remove(path)
    }

    /// Writes down up to where each log is synced, so that recovery reads no more than what follows.
    package func writeRecoveryPoints() throws(LogFailure) {
        try write(CheckpointText.recoveryPointFile, logs.mapValues(\.recoveryPoint))
        for log in logs.values { log.rememberRecoveryPoint() }
    }

    package func writeHighWatermarks() throws(LogFailure) {
        try write(CheckpointText.highWatermarkFile, logs.mapValues(\.highWatermark))
    }

    /// Writes down how far logs were compacted.
    package func writeCleanedOffsets() throws(LogFailure) {
        try write(CheckpointText.cleanerOffsetFile, logs.compactMapValues(\.cleanedUpTo))
    }

    /// Writes down where logs begin that begin inside a segment; the others' files tell.
    package func writeLogStartOffsets() throws(LogFailure) {
        let offsets = logs.filter { $0.value.logStartOffset > $0.value.firstSegmentOffset }
        try write(CheckpointText.logStartOffsetFile, offsets.mapValues(\.logStartOffset))
    }

    private func write(_ file: String, _ offsets: [TopicPartition: Offset]) throws(LogFailure) {
        try onDisk { () throws(FileSystemError) in
            try disk.replace(path + "/" + file, with: CheckpointText.write(offsets))
        }
    }

    /// Closes all logs and leaves the mark that says so. Nothing may be changed afterwards.
    package func close(at now: Instant) throws(LogFailure) {
        for (_, log) in logs.sorted(by: { $0.key < $1.key }) { try log.close(at: now) }
        try writeRecoveryPoints()
        try writeHighWatermarks()
        try writeLogStartOffsets()
        try writeCleanedOffsets()
        try onDisk { () throws(FileSystemError) in
            try disk.replace(
                path + "/" + Self.cleanShutdownFile, with: Array("{\"version\":0,\"brokerEpoch\":-1}".utf8))
        }
    }
}
