import ClusterModel
import Seams

/// What the store knows of a directory that somebody names.
package enum DirectoryStanding {
    case inUse(LogDirectory)
    case failed
    /// It is none of `log.dirs`.
    case unknown
}

/// Moves of partitions between a broker's data directories (KIP-113).
extension LogStore {
    package func standing(of path: String) -> DirectoryStanding {
        func names(_ other: String) -> Bool { other == path || other + "/" == path || other == path + "/" }
        if let directory = directories.first(where: { names($0.path) }) { return .inUse(directory) }
        return failures.contains { names($0.path) } ? .failed : .unknown
    }

    /// The copy that is to take the place of a partition's log; nil when it does not move.
    package func future(of partition: TopicPartition) -> FutureLog? {
        futureDirectory(of: partition)?.futures[partition]
    }

    /// Where a partition's log is to move.
    package func futureDirectory(of partition: TopicPartition) -> LogDirectory? {
        directories.first { $0.futures[partition] != nil }
    }

    /// Begins to move a partition's log. Durable on return.
    package func beginMove(
        of partition: TopicPartition, to target: LogDirectory, uniqueID: KafkaUUID, at now: Instant
    ) throws(LogFailure) {
        guard let source = directory(of: partition), let log = source.logs[partition], source !== target else {
            preconditionFailure("\(partition) is not in another directory than \(target.path)")
        }
        try target.createFuture(
            of: partition, like: log, topicID: source.topicIDs[partition], uniqueID: uniqueID, at: now)
    }

    /// Has a partition's log stay where it is. Durable on return.
    package func cancelMove(of partition: TopicPartition, uniqueID: KafkaUUID, at now: Instant) throws(LogFailure) {
        try futureDirectory(of: partition)?.discardFuture(of: partition, uniqueID: uniqueID, at: now)
    }

    /// Ends a move: the copy, which holds all of the log, takes its place. Durable on return.
    /// - Returns: the log from now on, and what went wrong after it had taken its place.
    package func finishMove(
        of partition: TopicPartition, uniqueID: KafkaUUID, at now: Instant
    ) throws(LogFailure) -> (log: PartitionLog, failure: LogFailure?) {
        guard let source = directory(of: partition), let log = source.logs[partition],
            let target = futureDirectory(of: partition)
        else { preconditionFailure("\(partition) does not move") }
        log.cancelCleaning()
        try source.endTakeover(of: partition)
        let promoted = try target.promoteFuture(
            of: partition, from: log, topicID: source.topicIDs[partition], uniqueID: uniqueID, at: now)
        var failure: LogFailure?
        do throws(LogFailure) {
            try source.delete(partition, uniqueID: uniqueID, at: now)
            try target.endTakeover(of: partition)
        } catch {
            failure = error
        }
        return (promoted, failure)
    }

    // MARK: - What a crash left

    /// Settles which log is served of a partition that is in two directories: one that was taking the other's place
    /// when the process ended, if it has all of it; otherwise the one that was begun last: the other one had failed then,
    /// and what is there is of before, perhaps of an earlier topic of the name. Where that is not known the longer log is
    /// served.
    func settleDuplicates(at now: Instant) throws(LogFailure) {
        for (place, directory) in directories.enumerated() {
            for partition in directory.logs.keys.sorted() {
                for other in directories[(place + 1)...] {
                    guard let log = directory.logs[partition], let otherLog = other.logs[partition] else { continue }
                    let ages = (try directory.timeBegun(partition), try other.timeBegun(partition))
                    var later: LogDirectory?
                    if let time = ages.0, let otherTime = ages.1, time != otherTime {
                        later = otherTime > time ? other : directory
                    }
                    switch (try directory.isTakingOver(partition), try other.isTakingOver(partition)) {
                    case (true, false) where later !== other:
                        try settle(partition, directory, takingOverFrom: other, at: now)
                    case (false, true) where later !== directory:
                        try settle(partition, other, takingOverFrom: directory, at: now)
                    default:
                        let winner = later ?? (otherLog.logEndOffset > log.logEndOffset ? other : directory)
                        let loser = winner === other ? directory : other
                        let found = LogFailure.corrupt(
                            path: loser.path, position: 0, reason: "\(partition) is in another directory as well")
                        try loser.putAsideDuplicate(partition, because: found, at: now)
                        foundTwice.insert(partition)
                    }
                }
            }
        }
    }

    private func settle(
        _ partition: TopicPartition, _ target: LogDirectory, takingOverFrom source: LogDirectory, at now: Instant
    ) throws(LogFailure) {
        guard let copy = target.logs[partition], let log = source.logs[partition] else { return }
        if copy.logEndOffset >= log.logEndOffset {
            try source.delete(partition, uniqueID: Self.uniqueID(at: now), at: now)
            try target.endTakeover(of: partition)
        } else {
            try target.demote(partition, uniqueID: Self.uniqueID(at: now), at: now)
        }
    }

    /// Removes copies that cannot take the place of a log: those of another topic of the name, and second ones. One of
    /// a log that is missing stays: its directory may come back.
    func settleFutures(at now: Instant) throws(LogFailure) {
        var seen: Set<TopicPartition> = []
        for directory in directories {
            for (partition, future) in directory.futures.sorted(by: { $0.key < $1.key }) {
                let topicID = topicID(of: partition)
                let isOfAnotherTopic = topicID != nil && future.topicID != nil && topicID != future.topicID
                let isNews = seen.insert(partition).inserted
                guard isOfAnotherTopic || !isNews || directory.logs[partition] != nil else { continue }
                try directory.discardFuture(of: partition, uniqueID: Self.uniqueID(at: now), at: now)
            }
        }
    }

    /// Tells what is taken away of a partition from what was taken away of it earlier.
    static func uniqueID(at now: Instant) -> KafkaUUID {
        KafkaUUID(high: 0, low: UInt64(clamping: now.unixMilliseconds))
    }
}
