import ClusterModel
import Seams
import Synchronization

/// A copy of a partition's log in another data directory of its broker, which takes the log's place once it holds all
/// of it (KIP-113; Apache's name for it).
///
/// Nobody reads from it. It is changed by one thread at a time, which need not be the log's; how far it is may be asked
/// at any time without waiting.
package final class FutureLog: Sendable {
    /// How far a copy is.
    package struct Progress: Sendable {
        package fileprivate(set) var logStartOffset: Offset
        package fileprivate(set) var logEndOffset: Offset
        package fileprivate(set) var highWatermark: Offset
        package fileprivate(set) var recoveryPoint: Offset
        package fileprivate(set) var sizeInBytes: Int
        fileprivate(set) var cleanedUpTo: Offset?
        fileprivate(set) var leaderEpochs: LeaderEpochHistory
        /// How often the log had been truncated when it was last copied from in this life of the process.
        fileprivate(set) var truncations: Int?

        fileprivate init(_ log: PartitionLog, truncations: Int?) {
            logStartOffset = log.logStartOffset
            logEndOffset = log.logEndOffset
            highWatermark = log.highWatermark
            recoveryPoint = log.recoveryPoint
            sizeInBytes = log.sizeInBytes
            cleanedUpTo = log.cleanedUpTo
            leaderEpochs = log.leaderEpochs
            self.truncations = truncations
        }
    }

    /// The path of its own directory.
    package let directory: String
    /// nil when its directory names none.
    let topicID: KafkaUUID?
    private let log: Mutex<PartitionLog>
    private let known: Mutex<Progress>

    init(_ log: sending PartitionLog, topicID: KafkaUUID?) {
        directory = log.directory
        self.topicID = topicID
        known = Mutex(Progress(log, truncations: nil))
        self.log = Mutex(log)
    }

    package var progress: Progress { known.withLock { $0 } }

    /// Does what the log wants.
    /// - Returns: why batches were not appended; see ``PartitionLog/catchUp(of:maxBytes:)``.
    package func perform(_ step: CatchUp, at now: Instant) throws(LogFailure) -> AppendRefusal? {
        try log.withLock { log throws(LogFailure) in
            defer { note(Progress(log, truncations: step.truncations)) }
            return try log.perform(step, at: now)
        }
    }

    /// Makes it durable, and able to be opened again without being read.
    func close(at now: Instant) throws(LogFailure) {
        try log.withLock { log throws(LogFailure) in
            try log.close(at: now)
            note(Progress(log, truncations: nil))
        }
    }

    /// Ends the copying: takes over what of the log is not in its batches, and closes.
    /// - Returns: what is to be remembered of it.
    func complete(_ inherited: LogInheritance, at now: Instant) throws(LogFailure) -> LogCheckpoint {
        try log.withLock { log throws(LogFailure) in
            precondition(
                log.logEndOffset == inherited.logEndOffset,
                "\(directory) ends at \(log.logEndOffset) and is to take the place of a log up to "
                    + "\(inherited.logEndOffset)")
            try log.inherit(inherited)
            try log.close(at: now)
            note(Progress(log, truncations: nil))
            return LogCheckpoint(
                recoveryPoint: log.recoveryPoint, logStartOffset: log.logStartOffset,
                highWatermark: log.highWatermark, cleanedUpTo: log.cleanedUpTo, wasClosed: true)
        }
    }

    private func note(_ progress: Progress) { known.withLock { $0 = progress } }

    /// Whether a file or directory is part of it.
    package func holds(_ path: String) -> Bool { path == directory || path.hasPrefix(directory + "/") }
}

/// What a log hands on to the copy that takes its place.
struct LogInheritance: Sendable {
    let logStartOffset: Offset
    let logEndOffset: Offset
    let highWatermark: Offset
    let cleanedUpTo: Offset?
    let leaderEpochs: LeaderEpochHistory
}

extension PartitionLog {
    var inheritance: LogInheritance {
        LogInheritance(
            logStartOffset: logStartOffset, logEndOffset: logEndOffset, highWatermark: highWatermark,
            cleanedUpTo: cleanedUpTo, leaderEpochs: leaderEpochs)
    }

    /// Takes over what the log knew whose batches this one holds.
    fileprivate func inherit(_ inherited: LogInheritance) throws(LogFailure) {
        try raiseLogStart(to: inherited.logStartOffset)
        advanceHighWatermark(to: inherited.highWatermark)
        cleanedUpTo = inherited.cleanedUpTo
        guard leaderEpochs != inherited.leaderEpochs else { return }
        leaderEpochs = inherited.leaderEpochs
        try writeLeaderEpochs()
    }
}
