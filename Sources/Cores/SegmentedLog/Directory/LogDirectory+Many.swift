import ClusterModel
import Seams

/// A log that is to begin.
package struct NewLog: Sendable {
    package var partition: TopicPartition
    /// nil when the topic has none.
    package var topicID: KafkaUUID?
    package var settings: LogSettings
    /// The path of the data directory where it is to be, when somebody said so.
    package var directory: String?

    package init(_ partition: TopicPartition, topicID: KafkaUUID?, settings: LogSettings, in directory: String? = nil) {
        self.partition = partition
        self.topicID = topicID
        self.settings = settings
        self.directory = directory
    }
}

/// What brokers do with thousands of logs at once: the disk is waited for a few times for many of them.
extension LogDirectory {
    /// Bounds the files that are open for it.
    private static let logsSyncedAtOnce = 256

    private func inParts<Element>(
        _ all: [Element], _ body: (ArraySlice<Element>) throws(LogFailure) -> Void
    ) throws(LogFailure) {
        for start in stride(from: 0, to: all.count, by: Self.logsSyncedAtOnce) {
            try body(all[start..<min(start + Self.logsSyncedAtOnce, all.count)])
        }
    }

    /// The log of a partition, begun when there is none. Durable on return.
    package func create(
        _ partition: TopicPartition, topicID: KafkaUUID?, settings: LogSettings, at now: Instant
    ) throws(LogFailure) -> PartitionLog {
        if logs[partition] == nil { try create([NewLog(partition, topicID: topicID, settings: settings)], at: now) }
        guard let log = logs[partition] else { preconditionFailure("\(path) has no log of \(partition)") }
        return log
    }

    /// Begins logs of partitions that have none here. Durable on return.
    ///
    /// That is: a crash leaves their directories and topic ids. Their files are empty, and made again where they are
    /// missing.
    /// - Throws: the first failure; one that concerns one partition does not keep the others from their logs.
    package func create(_ new: [NewLog], at now: Instant) throws(LogFailure) {
        var first: LogFailure?
        try inParts(new) { part throws(LogFailure) in
            if try begin(part, at: now) == nil { return }
            for one in part {
                let failure = try begin([one], at: now)
                first = first ?? failure
            }
        }
        if let first { throw first }
    }

    /// - Returns: what is wrong with one of them, if that is all.
    private func begin(_ new: ArraySlice<NewLog>, at now: Instant) throws(LogFailure) -> LogFailure? {
        do throws(LogFailure) {
            try beginAll(new, at: now)
            return nil
        } catch {
            guard error.concernsOnePartition else { throw error }
            return error
        }
    }

    private func beginAll(_ new: ArraySlice<NewLog>, at now: Instant) throws(LogFailure) {
        for one in new { try forgetCheckpoints(of: one.partition) }
        let directories = new.map { path + "/" + $0.partition.description }
        try onDisk { () throws(FileSystemError) in
            var files: [any File] = []
            for (one, directory) in zip(new, directories) {
                try disk.createDirectory(directory)
                guard let topicID = one.topicID else { continue }
                let file = directory + "/" + PartitionMetadata.unsyncedFileName
                files.append(try disk.write(PartitionMetadata.write(topicID), anew: file))
            }
            try disk.synchronize(files, thenDirectories: [])
            for (one, directory) in zip(new, directories) where one.topicID != nil {
                try disk.rename(
                    directory + "/" + PartitionMetadata.unsyncedFileName,
                    to: directory + "/" + PartitionMetadata.fileName)
            }
        }
        var begun: [PartitionLog] = []
        for (one, directory) in zip(new, directories) {
            let log = try PartitionLog.open(
                directory: directory, fileSystem: disk, settings: one.settings, checkpoint: LogCheckpoint(), at: now)
            log.letGoOfOpenedFiles()
            begun.append(log)
        }
        try onDisk { () throws(FileSystemError) in
            try disk.synchronize([], thenDirectories: directories)
            try disk.synchronizeDirectory(path)
        }
        partitionsChanged = .all
        for (one, log) in zip(new, begun) {
            logs[one.partition] = log
            topicIDs[one.partition] = one.topicID
            unusable.remove(one.partition)
        }
    }

    /// Writes down of which topic a log is that does not say so: it is of before there were ids, or was left half made.
    func name(_ topicID: KafkaUUID?, of partition: TopicPartition) throws(LogFailure) {
        guard let topicID, let log = logs[partition], topicIDs[partition] == nil else { return }
        try onDisk { () throws(FileSystemError) in
            try disk.replace(log.directory + "/" + PartitionMetadata.fileName, with: PartitionMetadata.write(topicID))
        }
        topicIDs[partition] = topicID
    }

    /// Closes all logs and leaves the mark that says so. Nothing may be changed afterwards.
    package func close(at now: Instant) throws(LogFailure) {
        let logs = logs.sorted { $0.key < $1.key }.map(\.value)
        try inParts(logs) { part throws(LogFailure) in try close(part, at: now) }
        for (_, future) in futures.sorted(by: { $0.key < $1.key }) { try future.close(at: now) }
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

    private func close(_ logs: ArraySlice<PartitionLog>, at now: Instant) throws(LogFailure) {
        var files: [any File] = []
        for log in logs { if let file = try log.stageLeaderEpochs() { files.append(file) } }
        try onDisk { () throws(FileSystemError) in try disk.synchronize(files, thenDirectories: []) }
        for log in logs { try log.settleLeaderEpochs() }
        var flushes: [(PartitionLog, LogFlush)] = []
        for log in logs {
            if let flush = try log.beginClose() { flushes.append((log, flush)) }
        }
        try onDisk { () throws(FileSystemError) in
            try disk.synchronize(
                flushes.flatMap(\.1.files),
                thenDirectories: flushes.filter(\.1.isDirectoryUnsynced).map(\.1.directory))
        }
        for (log, flush) in flushes {
            log.finishFlush(flush, at: now)
            log.letGoOfFiles()
        }
    }
}
