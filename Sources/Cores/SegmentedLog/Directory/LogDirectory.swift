import ClusterModel
import Seams

/// A broker's data directory: the logs of its partitions, what is remembered about them, and whose it is.
///
/// Used by one thread. That no other process uses it is seen to outside (`DirectoryLock`).
package final class LogDirectory {
    static let cleanShutdownFile = ".kafka_cleanshutdown"

    package let path: String
    let disk: any FileSystem
    package internal(set) var logs: [TopicPartition: PartitionLog] = [:]
    /// Copies of logs in other directories that are to take their place here.
    package internal(set) var futures: [TopicPartition: FutureLog] = [:]
    /// The topic ids in the partitions' directories.
    package internal(set) var topicIDs: [TopicPartition: KafkaUUID] = [:]
    package let metaProperties: MetaProperties
    /// Whether the last process ended as it should.
    package let wasClosed: Bool
    /// To be written once the cluster counts on no more than what is here.
    package let bootMark: BootMark
    /// Whether nothing that was written to the logs here can have been lost.
    private let keptWrites: Bool
    /// Partitions of which there are only directories that were put aside.
    package internal(set) var unusable: Set<TopicPartition> = []
    /// What was put aside or cut off when the directory was opened, as sentences.
    package internal(set) var reports: [String] = []
    var deletions: [DelayedDeletion] = []
    /// What each checkpoint file says.
    var checkpointed: [String: [TopicPartition: Offset]] = [:]
    /// Files that name partitions of which some came or went since they were written.
    var partitionsChanged: CheckpointFiles = .all

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
            for name in names { try openFuture(in: name, settings, stored, at: now) }
            unusable.formUnion(names.compactMap(LogFileName.partition(ofQuarantined:)))
            unusable.subtract(logs.keys)
            // What a crash left behind must not pass for synced once there are new records in its place.
            checkpointed = stored.byFile
            if !futures.isEmpty || logs.values.contains(where: { $0.durableRecoveryPoint < $0.rememberedRecoveryPoint })
            {
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

    /// The room of the disk that the directory lies on; nil where that is not known.
    package func room() throws(FileSystemError) -> DiskRoom? { try disk.room(at: path) }

    /// Whether a file or directory is in this directory.
    func holds(_ other: String) -> Bool { other == path || other.hasPrefix(path + "/") }

    private func open(
        _ partition: TopicPartition, _ settings: LogSettings, _ checkpoint: LogCheckpoint, at now: Instant
    ) throws(LogFailure) {
        let directory = path + "/" + partition.description
        let log = try PartitionLog.open(
            directory: directory, fileSystem: disk, settings: settings, checkpoint: checkpoint, at: now)
        log.letGoOfOpenedFiles()
        reports += log.recovery.cuts.map(\.description)
        logs[partition] = log
        topicIDs[partition] = try storedTopicID(in: directory)
    }

    /// The topic id in a directory of a log; nil when there is none.
    func storedTopicID(in directory: String) throws(LogFailure) -> KafkaUUID? {
        let metadata = directory + "/" + PartitionMetadata.fileName
        let bytes = try onDisk { () throws(FileSystemError) in try disk.contents(of: metadata) }
        guard let bytes else { return nil }
        guard let id = PartitionMetadata.read(bytes) else {
            throw .corrupt(path: metadata, position: 0, reason: "it names no topic id")
        }
        return id
    }

    /// A directory for a partition's log, durable when it and the one above it are synced.
    func createDirectory(_ directory: String, topicID: KafkaUUID?) throws(LogFailure) {
        try onDisk { () throws(FileSystemError) in
            try disk.createDirectory(directory)
            guard let topicID else { return }
            try disk.put(PartitionMetadata.write(topicID), into: directory + "/" + PartitionMetadata.fileName)
        }
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
        let delay = Duration.milliseconds(log.settings.fileDeleteDelayInMilliseconds)
        try putInLine(log.directory, of: partition, uniqueID: uniqueID, due: now + delay)
    }

    /// Takes a directory out of use, to be removed later. Durable on return.
    func putInLine(
        _ directory: String, of partition: TopicPartition, uniqueID: KafkaUUID, due: Instant
    ) throws(LogFailure) {
        let target = path + "/" + LogFileName.deletedDirectory(of: partition, uniqueID: uniqueID)
        try onDisk { () throws(FileSystemError) in
            try disk.rename(directory, to: target)
            try disk.synchronizeDirectory(path)
        }
        deletions.append(DelayedDeletion(paths: [target], due: due))
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

    static func removeAll(_ path: String, on disk: any FileSystem) throws(FileSystemError) {
        guard try disk.attributes(path) != nil else { return }
        for name in try disk.list(path) { try disk.remove(path + "/" + name) }
        try disk.remove(path)
    }
}
