import ClusterModel
import Seams

/// All data directories of a broker (`log.dirs`): each partition's log is in one of them, and a directory whose disk
/// fails takes only its own partitions with it.
///
/// Used by one thread, as its directories are.
package final class LogStore {
    /// A directory that is not used any more.
    package struct Failure: Sendable, Equatable {
        package var path: String
        package var reason: String

        package init(path: String, reason: String) {
            self.path = path
            self.reason = reason
        }
    }

    /// Those in use, in the order of the configuration; one at least.
    package private(set) var directories: [LogDirectory]
    package private(set) var failures: [Failure]
    /// Partitions that were found in two directories. One of the logs is served, and the other may have more.
    var foundTwice: Set<TopicPartition> = []

    package init(_ directories: [LogDirectory], failures: [Failure] = []) {
        precondition(!directories.isEmpty, "a broker without a data directory")
        self.directories = directories
        self.failures = failures
    }

    /// Opens all directories and the logs in them; one whose disk fails is left out while another can be used.
    /// - Parameters:
    ///   - owners: by path.
    ///   - failures: of directories that could not even be claimed.
    ///   - settings: those of a partition's topic.
    package convenience init(
        _ paths: [String], fileSystem: any FileSystem, owners: [String: LogDirectory.Owner], at now: Instant,
        failures: [Failure] = [], settings: (TopicPartition) -> LogSettings
    ) throws(LogDirectoryFailure) {
        var directories: [LogDirectory] = []
        var failures = failures
        for path in paths {
            guard let owner = owners[path] else { preconditionFailure("nobody is to own \(path)") }
            do throws(LogDirectoryFailure) {
                directories.append(
                    try LogDirectory(path, fileSystem: fileSystem, owner: owner, at: now, settings: settings))
            } catch .log(let failure) {
                if directories.isEmpty && path == paths.last { throw .log(failure) }
                failures.append(Failure(path: path, reason: failure.description))
            }
        }
        self.init(directories, failures: failures)
        do throws(LogFailure) {
            try settleDuplicates(at: now)
            try settleFutures(at: now)
        } catch {
            throw .log(error)
        }
    }

    /// What opening the directories found, as sentences.
    package var reports: [String] {
        directories.flatMap(\.reports)
            + failures.map { "data directory \($0.path) cannot be used, its partitions are offline: \($0.reason)" }
    }

    /// All logs that can be used.
    package var logs: [TopicPartition: PartitionLog] {
        directories.reduce(into: [:]) { all, directory in all.merge(directory.logs) { first, _ in first } }
    }

    /// The topic ids in the directories of all logs that have one, and of copies whose logs are missing.
    package var topicIDs: [TopicPartition: KafkaUUID] {
        let ids: [TopicPartition: KafkaUUID] = directories.reduce(into: [:]) { all, directory in
            all.merge(directory.topicIDs) { first, _ in first }
        }
        return directories.reduce(into: ids) { all, directory in
            all.merge(directory.futures.compactMapValues(\.topicID)) { first, _ in first }
        }
    }

    /// The partitions whose logs hold all that was ever written to them, as far as was known when they were opened. Of
    /// any other partition something may be lost: its log's end, or all of it.
    ///
    /// While a directory is out there is none: it may hold a newer log of any partition, begun there when the directory
    /// was out that is back now.
    package var wholeLogs: Set<TopicPartition> {
        failures.isEmpty ? Set(directories.flatMap(\.wholeLogs)).subtracting(foundTwice) : []
    }

    package func log(of partition: TopicPartition) -> PartitionLog? {
        for directory in directories { if let log = directory.logs[partition] { return log } }
        return nil
    }

    package func directory(of partition: TopicPartition) -> LogDirectory? {
        directories.first { $0.logs[partition] != nil }
    }

    /// The topic id in the partition's directory.
    package func topicID(of partition: TopicPartition) -> KafkaUUID? { directory(of: partition)?.topicIDs[partition] }

    /// Lets a partition begin anew, whatever was put aside of it.
    package func forgetUnusable(_ partition: TopicPartition) {
        for directory in directories { directory.forgetUnusable(partition) }
    }

    /// Whether all there is of the partition was put aside.
    package func isUnusable(_ partition: TopicPartition) -> Bool {
        log(of: partition) == nil && directories.contains { $0.unusable.contains(partition) }
    }

    /// The log of a partition, begun when there is none. Durable on return.
    package func create(
        _ partition: TopicPartition, topicID: KafkaUUID?, settings: LogSettings, in directory: String? = nil,
        at now: Instant
    ) throws(LogFailure) -> PartitionLog {
        try create([NewLog(partition, topicID: topicID, settings: settings, in: directory)], at: now)
        guard let log = log(of: partition) else { preconditionFailure("there is no log of \(partition)") }
        return log
    }

    /// Begins logs of the partitions that have none: in the directory that is named, or else, also when that cannot be
    /// used, in the one that has the fewest. Durable on return.
    /// - Throws: the first failure, when all directories had their turn.
    package func create(_ new: [NewLog], at now: Instant) throws(LogFailure) {
        var counts = directories.map(\.logs.count)
        var chosen: [String: [NewLog]] = [:]
        for var one in new {
            if one.topicID == .zero { one.topicID = nil }
            if let directory = directory(of: one.partition) {
                try directory.name(one.topicID, of: one.partition)
                continue
            }
            // A copy is of no use without what it is a copy of.
            try cancelMove(of: one.partition, uniqueID: Self.uniqueID(at: now), at: now)
            let fewest = counts.indices.reduce(0) { counts[$1] < counts[$0] ? $1 : $0 }
            let place = directories.firstIndex { $0.path == one.directory } ?? fewest
            counts[place] += 1
            chosen[directories[place].path, default: []].append(one)
        }
        try each { directory throws(LogFailure) in try directory.create(chosen[directory.path] ?? [], at: now) }
    }

    /// Takes a partition's directory, and that of a copy of it, out of use; files go with ``removeDeletedFiles(at:)``.
    /// Durable on return.
    package func delete(_ partition: TopicPartition, uniqueID: KafkaUUID, at now: Instant) throws(LogFailure) {
        try cancelMove(of: partition, uniqueID: uniqueID, at: now)
        try directory(of: partition)?.delete(partition, uniqueID: uniqueID, at: now)
    }

    /// Takes the log that holds the file at `path` out of use and keeps its files.
    /// - Returns: its partition, and what the operator should know; nil when the file is no log's.
    package func putAside(
        because failure: LogFailure, at now: Instant
    ) throws(LogFailure) -> (partition: TopicPartition, report: String)? {
        guard let directory = directory(containing: failure.path) else { return nil }
        let name = failure.path.dropFirst(directory.path.utf8.count + 1).prefix { $0 != "/" }
        guard let partition = LogFileName.partition(of: String(name)), directory.logs[partition] != nil else {
            return nil
        }
        return (partition, try directory.putAside(partition, because: failure, at: now))
    }

    /// Stops using the directory that holds the file at `path`; nothing is written to it any more.
    /// - Returns: the partitions that went with it, sorted, and where; nil when no directory holds the file.
    package func fail(
        _ failure: LogFailure
    ) -> (partitions: [TopicPartition], path: String)? {
        guard let place = directories.firstIndex(where: { $0.holds(failure.path) }) else { return nil }
        let failed = directories[place]
        for log in failed.logs.values { log.cancelCleaning() }
        failures.append(Failure(path: failed.path, reason: failure.description))
        directories.remove(at: place)
        return (failed.logs.keys.sorted(), failed.path)
    }

    private func directory(containing path: String) -> LogDirectory? { directories.first { $0.holds(path) } }

    // MARK: - What is done in every directory

    /// Calls `body` with every directory in use; one that fails does not keep the others from their turn.
    /// - Throws: the first failure, when all had their turn.
    private func each(_ body: (LogDirectory) throws(LogFailure) -> Void) throws(LogFailure) {
        var first: LogFailure?
        for directory in directories {
            do throws(LogFailure) { try body(directory) } catch { first = first ?? error }
        }
        if let first { throw first }
    }

    package func removeDeletedFiles(at now: Instant) throws(LogFailure) {
        try each { directory throws(LogFailure) in try directory.removeDeletedFiles(at: now) }
    }

    package func writeRecoveryPoints() throws(LogFailure) {
        try each { directory throws(LogFailure) in try directory.writeRecoveryPoints() }
    }

    package func writeHighWatermarks() throws(LogFailure) {
        try each { directory throws(LogFailure) in try directory.writeHighWatermarks() }
    }

    package func writeLogStartOffsets() throws(LogFailure) {
        try each { directory throws(LogFailure) in try directory.writeLogStartOffsets() }
    }

    package func writeCleanedOffsets() throws(LogFailure) {
        try each { directory throws(LogFailure) in try directory.writeCleanedOffsets() }
    }

    /// Closes all logs and marks their directories as closed. Nothing may be changed afterwards.
    package func close(at now: Instant) throws(LogFailure) {
        try each { directory throws(LogFailure) in try directory.close(at: now) }
    }
}
