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
    /// To be written once the cluster counts on no more than what is here.
    package let bootMark: BootMark
    /// Whether nothing that was written to the logs here can have been lost.
    private let keptWrites: Bool
    /// Partitions of which there are only directories that were put aside.
    package private(set) var unusable: Set<TopicPartition> = []
    /// What was put aside or cut off when the directory was opened, as sentences.
    package private(set) var reports: [String] = []
    private var deletions: [DelayedDeletion] = []
    /// Partitions of which the file of recovery points speaks.
    private var recoveryPointsWritten: Set<TopicPartition> = []
    /// Files that name partitions of which some came or went since they were written.
    private var partitionsChanged: CheckpointFiles = .all

    private struct CheckpointFiles: OptionSet {
        let rawValue: UInt8

        static let recoveryPoints = CheckpointFiles(rawValue: 1)
        static let highWatermarks = CheckpointFiles(rawValue: 2)
        static let all: CheckpointFiles = [.recoveryPoints, .highWatermarks]
    }

    /// Whose a data directory is to be.
    package struct Owner: Sendable {
        package var brokerID: BrokerID
        package var clusterID: String
        /// Written down when the directory is new.
        package var newDirectoryID: KafkaUUID
        /// Names the boot of the machine that the owner runs in; empty where it is not known.
        package var boot: [UInt8]

        package init(brokerID: BrokerID, clusterID: String, newDirectoryID: KafkaUUID, boot: [UInt8] = []) {
            self.brokerID = brokerID
            self.clusterID = clusterID
            self.newDirectoryID = newDirectoryID
            self.boot = boot
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
        let bootMark = BootMark(of: path, in: owner.boot, on: fileSystem)
        self.bootMark = bootMark
        do throws(LogFailure) {
            let marker = path + "/" + Self.cleanShutdownFile
            wasClosed = try onDisk { () throws(FileSystemError) in try fileSystem.attributes(marker) != nil }
            let isOfThisBoot = try onDisk { () throws(FileSystemError) in try bootMark.isOfThisBoot() }
            keptWrites = wasClosed || isOfThisBoot
            let stored = try StoredOffsets(path, on: fileSystem)
            reports = stored.reports
            let names = try onDisk { () throws(FileSystemError) in try fileSystem.list(path) }
            // Before anything is written: should this process end, the next must not think that all is closed, nor that
            // the cluster has heard of what is cut from logs here.
            try onDisk { () throws(FileSystemError) in
                try fileSystem.remove(marker)
                try bootMark.remove()
                for name in names where name.hasSuffix("-delete") { try Self.removeAll(path + "/" + name, on: disk) }
                try fileSystem.synchronizeDirectory(path)
            }
            for name in names {
                guard let partition = LogFileName.partition(of: name) else { continue }
                let checkpoint = stored.checkpoint(of: partition, wasClosed: wasClosed)
                try openOrPutAside(partition, settings(partition), checkpoint, at: now)
            }
            unusable.formUnion(names.compactMap(LogFileName.partition(ofQuarantined:)))
            unusable.subtract(logs.keys)
            // What a crash left behind must not pass for synced once there are new records in its place.
            recoveryPointsWritten = stored.partitionsWithRecoveryPoint
            if logs.values.contains(where: { $0.durableRecoveryPoint < $0.rememberedRecoveryPoint }) {
                try writeRecoveryPoints()
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

    /// Opens a partition's log; a directory that makes no sense is put aside, so that the others can be served.
    private func openOrPutAside(
        _ partition: TopicPartition, _ settings: LogSettings, _ checkpoint: LogCheckpoint, at now: Instant
    ) throws(LogFailure) {
        do throws(LogFailure) {
            try open(partition, settings, checkpoint, at: now)
        } catch {
            guard error.concernsOnePartition else { throw error }
            logs[partition] = nil
            reports.append(try putAside(partition, because: error, at: now))
        }
    }

    /// Takes a partition's directory out of use and keeps it under another name; the partition is unusable until a new
    /// log is begun. Durable on return.
    /// - Returns: what the operator should know.
    package func putAside(
        _ partition: TopicPartition, because failure: LogFailure, at now: Instant
    ) throws(LogFailure) -> String {
        guard let name = LogFileName.quarantinedDirectory(of: partition, at: now.unixMilliseconds) else {
            throw failure
        }
        logs.removeValue(forKey: partition)?.cancelCleaning()
        partitionsChanged = .all
        topicIDs[partition] = nil
        try onDisk { () throws(FileSystemError) in
            try disk.rename(path + "/" + partition.description, to: path + "/" + name)
            try disk.synchronizeDirectory(path)
        }
        unusable.insert(partition)
        return "\(partition) cannot be served from \(path), its directory is kept as \(name): \(failure)"
    }

    /// The partitions whose logs hold all that was ever written to them.
    var wholeLogs: [TopicPartition] { keptWrites ? logs.filter { $0.value.recovery.cuts.isEmpty }.map(\.key) : [] }

    func forgetUnusable(_ partition: TopicPartition) { unusable.remove(partition) }

    /// When the partition's log was begun here, in milliseconds since 1970; nil for one that knows no topic id.
    func timeBegun(_ partition: TopicPartition) throws(LogFailure) -> Int64? {
        let metadata = "\(path)/\(partition)/\(PartitionMetadata.fileName)"
        return try onDisk { () throws(FileSystemError) in try disk.attributes(metadata)?.modifiedUnixMilliseconds }
    }

    /// Likewise for a log of which another directory has a better one: the partition is served from there.
    func putAsideDuplicate(
        _ partition: TopicPartition, because failure: LogFailure, at now: Instant
    ) throws(LogFailure) {
        reports.append(try putAside(partition, because: failure, at: now))
        unusable.remove(partition)
    }

    /// Whether a file or directory is in this directory.
    func holds(_ other: String) -> Bool { other == path || other.hasPrefix(path + "/") }

    private func open(
        _ partition: TopicPartition, _ settings: LogSettings, _ checkpoint: LogCheckpoint, at now: Instant
    ) throws(LogFailure) {
        let directory = path + "/" + partition.description
        let log = try PartitionLog.open(
            directory: directory, fileSystem: disk, settings: settings, checkpoint: checkpoint, at: now)
        log.letGoOfFiles()
        reports += log.recovery.cuts.map(\.description)
        logs[partition] = log
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
        log.letGoOfFiles()
        logs[partition] = log
        partitionsChanged = .all
        topicIDs[partition] = topicID
        unusable.remove(partition)
        // Those of an earlier log of the partition say nothing about this one.
        if recoveryPointsWritten.contains(partition) { try writeRecoveryPoints() }
        return log
    }

    /// Takes a partition's directory out of use; its files go with ``removeDeletedFiles(at:)``. Durable on return.
    /// - Parameter uniqueID: tells it from earlier directories of the same name.
    package func delete(
        _ partition: TopicPartition, uniqueID: KafkaUUID, at now: Instant
    ) throws(LogFailure) {
        guard let log = logs.removeValue(forKey: partition) else { return }
        partitionsChanged = .all
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
        let due = logs.filter { _, log in log.nextFileDeletion.map { $0 <= now } ?? false }
        for (_, log) in due.sorted(by: { $0.key < $1.key }) { try log.removeDeletedFiles(at: now) }
    }

    private static func removeAll(_ path: String, on disk: any FileSystem) throws(FileSystemError) {
        guard try disk.attributes(path) != nil else { return }
        for name in try disk.list(path) { try disk.remove(path + "/" + name) }
        try disk.remove(path)
    }

    /// Writes down up to where each log is synced, so that recovery reads no more than what follows.
    package func writeRecoveryPoints() throws(LogFailure) {
        guard partitionsChanged.remove(.recoveryPoints) != nil || logs.values.contains(where: \.hasNewRecoveryPoint)
        else { return }
        try write(CheckpointText.recoveryPointFile, logs.mapValues(\.recoveryPoint))
        for log in logs.values { log.rememberRecoveryPoint() }
        recoveryPointsWritten = Set(logs.keys)
    }

    package func writeHighWatermarks() throws(LogFailure) {
        guard partitionsChanged.remove(.highWatermarks) != nil || logs.values.contains(where: \.hasNewHighWatermark)
        else { return }
        try write(CheckpointText.highWatermarkFile, logs.mapValues(\.highWatermark))
        for log in logs.values { log.rememberHighWatermark() }
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
            try bootMark.remove()
        }
    }
}
