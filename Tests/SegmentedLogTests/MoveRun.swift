import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog
import Simulation
import Testing

/// A partition whose log moves back and forth between two directories while it is written, cut and shortened, next to
/// all that it should hold, through kills and power cuts anywhere.
struct MoveRun {
    static let partition = TopicPartition(topic: "t", partition: 0)
    static let topicID = KafkaUUID(high: 7, low: 7)
    static let paths = ["/a", "/b"]

    var random: SeededRandom
    let disk: SimulatedDisk
    var store: LogStore
    /// The values that the log should hold, from offset 0 on.
    var twin: [String] = []
    /// How many of the twin's last records the change under way may take away or bring.
    var unsureCount = 0
    /// All before it was synced when it was written down how far.
    var syncedEnd: Offset = 0
    var epoch: LeaderEpoch = 0
    var time: Int64 = 0
    var lastID: UInt64 = 0
    var violations: [String] = []
    var finishedCount = 0
    var cancelledCount = 0
    var stopsInMoves = 0

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        disk = SimulatedDisk(seed: seed)
        store = try Self.opened(disk, at: moment())
        try store.create(Self.partition, topicID: Self.topicID, settings: Self.settings, at: moment())
            .flush(at: moment())
        try disk.synchronizeDirectory("/")
    }

    static var settings: LogSettings {
        SegmentedLogTests.settings(segment: 400) {
            $0.indexIntervalInBytes = 100
            $0.retentionInMilliseconds = nil
        }
    }

    static func opened(_ disk: SimulatedDisk, at now: Instant) throws -> LogStore {
        let owners = Dictionary(
            uniqueKeysWithValues: paths.enumerated().map { place, path in
                let id = KafkaUUID(high: 1, low: UInt64(place))
                return (path, LogDirectory.Owner(brokerID: BrokerID(1), clusterID: "c", newDirectoryID: id))
            })
        return try LogStore(paths, fileSystem: disk, owners: owners, at: now) { _ in settings }
    }

    private var now: Instant { moment(time) }

    private mutating func uniqueID() -> KafkaUUID {
        lastID += 1
        return KafkaUUID(high: 9, low: lastID)
    }

    var log: PartitionLog {
        guard let log = store.log(of: Self.partition) else { preconditionFailure("no log of \(Self.partition)") }
        return log
    }

    mutating func run(steps: Int) throws {
        for _ in 0..<steps {
            time += Int64.random(in: 1...20, using: &random)
            let isDoomed = Int.random(in: 0..<6, using: &random) == 0
            if isDoomed { disk.stop(afterChanges: Int.random(in: 0..<60, using: &random)) }
            let moves = store.future(of: Self.partition) != nil
            do {
                for _ in 0..<4 { try change() }
                disk.endStop()
            } catch LogFailure.disk {
                if moves { stopsInMoves += 1 }
            }
            if isDoomed { try restart(losesPower: Bool.random(using: &random)) }
            try check(isDoomed ? "a restart" : "a step")
        }
    }

    private mutating func change() throws {
        switch Int.random(in: 0..<16, using: &random) {
        case 0..<5: try append()
        case 5: try store.writeRecoveryPoints()
        case 6: try flush()
        case 7: try cutOrShorten()
        case 8: try store.removeDeletedFiles(at: now)
        case 9 where Int.random(in: 0..<3, using: &random) == 0: try cancel()
        default: try move()
        }
    }

    private mutating func append() throws {
        let values = (0...Int.random(in: 0..<4, using: &random)).map { "\(epoch):\(twin.count + $0)" }
        let first = twin.count
        unsureCount = values.count
        twin += values
        guard try log.append(batch(values), epoch: epoch, at: now).appended?.firstOffset == Offset(first) else {
            violations.append("a batch went elsewhere than to \(first)")
            return
        }
        unsureCount = 0
        log.advanceHighWatermark(to: log.logEndOffset - Offset(Int.random(in: 0..<6, using: &random)))
    }

    private mutating func flush() throws {
        try log.flush(at: now)
        try store.writeRecoveryPoints()
        syncedEnd = log.recoveryPoint
    }

    /// Another leader cuts the end, or records are deleted from the start.
    private mutating func cutOrShorten() throws {
        if Bool.random(using: &random) {
            let end = max(log.highWatermark, log.logEndOffset - Offset(Int.random(in: 0..<8, using: &random)))
            epoch += 1
            guard end > log.logStartOffset else { return }
            // A batch goes as a whole.
            unsureCount = Int(log.logEndOffset - end) + 4
            syncedEnd = min(syncedEnd, end - 4)
            try log.truncate(to: end, at: now)
            unsureCount = 0
            twin.removeSubrange(Int(log.logEndOffset)...)
            try store.writeRecoveryPoints()
        } else {
            let offset = Offset.random(
                in: log.logStartOffset...max(log.logStartOffset, log.highWatermark), using: &random)
            _ = try log.deleteRecords(before: offset)
            _ = try log.retain(at: now)
            try store.writeLogStartOffsets()
        }
    }

    private mutating func cancel() throws {
        guard store.future(of: Self.partition) != nil else { return }
        try store.cancelMove(of: Self.partition, uniqueID: uniqueID(), at: now)
        cancelledCount += 1
    }

    private mutating func move() throws {
        guard let future = store.future(of: Self.partition) else {
            guard let target = store.directories.first(where: { $0.logs[Self.partition] == nil }) else { return }
            return try store.beginMove(of: Self.partition, to: target, uniqueID: uniqueID(), at: now)
        }
        var step = try log.catchUp(of: future.progress, maxBytes: Int.random(in: 1...500, using: &random))
        step.isFlushWanted = Int.random(in: 0..<4, using: &random) == 0
        if let refusal = try future.perform(step, at: now) { violations.append("a copy refused: \(refusal)") }
        if step.takesOff { try store.writeRecoveryPoints() }
        guard step.isLast, Bool.random(using: &random) else { return }
        let (moved, failure) = try store.finishMove(of: Self.partition, uniqueID: uniqueID(), at: now)
        finishedCount += 1
        if let failure { throw failure }
        if moved !== log { violations.append("another log is served than the one that has moved") }
        syncedEnd = log.recoveryPoint
    }

    private mutating func restart(losesPower: Bool) throws {
        if losesPower { disk.crash() } else { disk.endStop() }
        store = try Self.opened(disk, at: now)
        // What a power cut tore off is told, too.
        let putAside = store.reports.filter { $0.contains("kept as") || $0.contains("removed") }
        if !putAside.isEmpty { violations.append("a restart reports \(putAside)") }
        guard store.log(of: Self.partition) != nil else {
            violations.append("the log is gone")
            _ = try store.create(Self.partition, topicID: Self.topicID, settings: Self.settings, at: now)
            return
        }
        if log.logEndOffset < syncedEnd {
            violations.append("\(syncedEnd) was synced, \(log.logEndOffset) is left")
        }
        let missing = twin.count - Int(log.logEndOffset)
        if missing < 0 || !losesPower && missing > unsureCount { violations.append("a kill took \(missing) records") }
        unsureCount = 0
        twin.removeSubrange(min(twin.count, Int(log.logEndOffset))...)
        epoch += 1
        try flush()
    }

    private mutating func check(_ when: String) throws {
        let served = store.directories.filter { $0.logs[Self.partition] != nil }
        if served.count != 1 { violations.append("after \(when) \(served.count) directories have the log") }
        if store.topicID(of: Self.partition) != Self.topicID { violations.append("after \(when) the topic id is gone") }
        guard log.logStartOffset <= Offset(twin.count) else {
            violations.append("after \(when) the log begins at \(log.logStartOffset), behind \(twin.count)")
            return
        }
        let found = try log.values(from: log.logStartOffset).map(\.value)
        let expected = Array(twin[Int(log.logStartOffset)...])
        if found != expected {
            violations.append("after \(when) from \(log.logStartOffset) on are \(found) instead of \(expected)")
        }
    }
}
