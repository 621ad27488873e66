import ClusterModel
import KafkaProtocol
import Seams
import SegmentedLog

/// Replicas on their way from one data directory to another (KIP-113), a step of one of them at a time, in turn.
struct DirectoryMoves {
    private struct Move {
        let future: FutureLog
        /// What the copy holds that may not survive a crash.
        var unsyncedBytes = Int.max
    }

    /// A copy that has no more than this to sync takes its log's place: the shard waits for that.
    private static let mostUnsyncedBytes = 16 << 20
    /// What a step copies at most; a single batch may be larger.
    static let stepSizeInBytes = 1 << 20
    /// After trouble with a disk.
    private static let rest = Duration.seconds(1)

    private var moves: [TopicPartition: Move] = [:]
    /// Whose turn it was last.
    private var last: TopicPartition?
    private var isStepUnderWay = false
    private var nextStep: Instant
    /// Where replicas are to begin that are not on this broker yet.
    private var preferredDirectories: [TopicPartition: String] = [:]

    init(at now: Instant) { nextStep = now }

    var nextDeadline: Instant { moves.isEmpty || isStepUnderWay ? .never : nextStep }

    func contains(_ partition: TopicPartition) -> Bool { moves[partition] != nil }
    func future(of partition: TopicPartition) -> FutureLog? { moves[partition]?.future }

    mutating func begin(_ partition: TopicPartition, _ future: FutureLog) { moves[partition] = Move(future: future) }
    mutating func end(_ partition: TopicPartition) { moves[partition] = nil }

    /// Whose copy is to go on now.
    mutating func next(at now: Instant) -> (TopicPartition, FutureLog)? {
        guard !moves.isEmpty, !isStepUnderWay, nextStep <= now else { return nil }
        let names = moves.keys.sorted()
        let following = last.flatMap { last in names.first { $0 > last } } ?? names.first
        guard let name = following, let move = moves[name] else { return nil }
        last = name
        return (name, move.future)
    }

    /// Whether the copy can be made durable in a moment.
    func isNearlySynced(_ partition: TopicPartition) -> Bool {
        moves[partition]?.unsyncedBytes ?? .max <= Self.mostUnsyncedBytes
    }

    /// - Parameter bytesPerSecond: what all moves may copy.
    mutating func beginStep(_ step: CatchUp, bytesPerSecond: Int64, at now: Instant) {
        isStepUnderWay = true
        nextStep = max(nextStep, now) + .seconds(Double(step.sizeInBytes) / Double(max(1, bytesPerSecond)))
    }

    mutating func endStep() { isStepUnderWay = false }

    /// Counts what a step has brought.
    mutating func took(_ step: CatchUp, _ partition: TopicPartition) {
        let before = moves[partition]?.unsyncedBytes ?? .max
        let (sum, isTooMuch) = before.addingReportingOverflow(step.sizeInBytes)
        moves[partition]?.unsyncedBytes = step.isFlushWanted ? 0 : isTooMuch ? .max : sum
    }

    mutating func rest(at now: Instant) { nextStep = now + Self.rest }

    mutating func prefer(_ directory: String, for partition: TopicPartition) {
        preferredDirectories[partition] = directory
    }

    /// Where the replica is to begin, when somebody said so; it is asked once.
    mutating func takePreferred(_ partition: TopicPartition) -> String? {
        preferredDirectories.removeValue(forKey: partition)
    }

    mutating func forgetPreferred(ofTopic name: String) {
        preferredDirectories = preferredDirectories.filter { $0.key.topic != name }
    }
}

extension BrokerKernel {
    /// Has a replica move to a directory, stay where it is, or begin there when it comes to this broker.
    mutating func move(_ name: TopicPartition, to path: String) -> ErrorCode {
        guard LogFileName.futureDirectory(of: name, uniqueID: .zero) != nil else { return .invalidTopicException }
        let target: LogDirectory
        switch logStore.standing(of: path) {
        case .unknown: return .logDirNotFound
        case .failed: return .kafkaStorageError
        case .inUse(let directory): target = directory
        }
        if offline[name] != nil { return .kafkaStorageError }
        guard let partition = partitions[name] else {
            guard image.partition(name) != nil else { return .unknownTopicOrPartition }
            moves.prefer(target.path, for: name)
            return .replicaNotAvailable
        }
        if let present = logStore.futureDirectory(of: name) {
            if present === target { return .none }
            cancelMove(of: name)
        }
        if logStore.directory(of: name) === target { return .none }
        // A copy of it may be in a directory that cannot be seen.
        guard logStore.failures.isEmpty else { return .kafkaStorageError }
        let uniqueID = KafkaUUID.random(using: &generator)
        let begun: Void? = onLog { [logStore, now] () throws(LogFailure) in
            try logStore.beginMove(of: name, to: target, uniqueID: uniqueID, at: now)
        }
        guard begun != nil else { return .kafkaStorageError }
        perform(.note("\(name) begins to move to \(target.path)"))
        resumeMove(of: partition)
        return .none
    }

    /// Goes on with a move that was begun, perhaps before the process started.
    mutating func resumeMove(of partition: Partition) {
        guard let future = logStore.future(of: partition.name) else { return }
        // What the copy is made of stays as it is.
        partition.log.cancelCleaning()
        moves.begin(partition.name, future)
    }

    /// Does the next step of the moves, when it is time; to be called at the end of each step.
    mutating func goOnMoving() {
        guard let (name, future) = moves.next(at: now) else { return }
        guard let partition = partitions[name], logStore.future(of: name) === future else { return moves.end(name) }
        let limit = brokerValues.number("replica.alter.log.dirs.io.max.bytes.per.second") ?? .max
        let size = min(DirectoryMoves.stepSizeInBytes, Int(limit))
        let decided = onLog { () throws(LogFailure) in
            try partition.log.catchUp(of: future.progress, maxBytes: size)
        }
        guard var step = decided else { return moves.rest(at: now) }
        if step.isLast, moves.isNearlySynced(name) { return finishMove(of: partition, into: future, step) }
        step.isFlushWanted = step.isLast
        moves.beginStep(step, bytesPerSecond: limit, at: now)
        perform(.onDiskThread(.copy(name, future, step, at: now)))
    }

    /// Takes up what a disk thread has copied.
    mutating func receive(
        _ result: Result<AppendRefusal?, LogFailure>, of step: CatchUp, into future: FutureLog, of name: TopicPartition
    ) {
        moves.endStep()
        guard let log = partitions[name]?.log, moves.future(of: name) === future else { return }
        switch result {
        case .success(nil):
            moves.took(step, name)
            guard step.takesOff else { return }
            _ = onLog { [logStore] () throws(LogFailure) in try logStore.writeRecoveryPoints() }
        case .success(let refusal?):
            // What was read while the log was truncated says nothing.
            if !log.hasBeenTruncated(since: step) { giveUpMove(of: name, "it cannot be copied: \(refusal)") }
        case .failure(let failure): moveFailed(name, into: future, failure)
        }
    }

    /// Lets the copy take the log's place: nothing can be appended meanwhile.
    private mutating func finishMove(of partition: Partition, into future: FutureLog, _ last: CatchUp) {
        let name = partition.name
        let uniqueID = KafkaUUID.random(using: &generator)
        do throws(LogFailure) {
            if let refusal = try future.perform(last, at: now) {
                return giveUpMove(of: name, "it cannot be copied: \(refusal)")
            }
            let (log, failure) = try logStore.finishMove(of: name, uniqueID: uniqueID, at: now)
            partition.log = log
            upkeep.note(partition)
            if let failure { logFailures.append(failure) }
        } catch {
            return moveFailed(name, into: future, error)
        }
        moves.end(name)
        step(partition, .synced(upTo: partition.log.recoveryPoint))
        parkedFetches.note(partition)
        perform(.note("\(name) has moved to \(partition.log.directory)"))
    }

    /// A copy that cannot be finished is not worth a directory: its log is whole.
    private mutating func moveFailed(_ name: TopicPartition, into future: FutureLog, _ failure: LogFailure) {
        guard future.holds(failure.path), failure.concernsOnePartition || failure.isLackOfRoom else {
            moves.rest(at: now)
            return logFailures.append(failure)
        }
        giveUpMove(of: name, "\(failure)")
        // Others need the room at once.
        _ = onLog { [logStore, now] () throws(LogFailure) in try logStore.removeDeletedFiles(at: now) }
    }

    private mutating func giveUpMove(of name: TopicPartition, _ reason: String) {
        perform(.report("\(name) does not move to another directory: \(reason)"))
        cancelMove(of: name)
    }

    private mutating func cancelMove(of name: TopicPartition) {
        moves.end(name)
        let uniqueID = KafkaUUID.random(using: &generator)
        _ = onLog { [logStore, now] () throws(LogFailure) in
            try logStore.cancelMove(of: name, uniqueID: uniqueID, at: now)
        }
    }
}
