import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog
import Simulation
import Testing

/// A compacted log next to all that was ever appended to it, through crashes in the middle of rounds.
private struct CompactionRun {
    struct Appended {
        var offset: Offset
        var key: String
        var value: String?
        /// In milliseconds of the run.
        var time: Int64
    }

    static let tombstoneLife: Int64 = 200

    var random: SeededRandom
    let disk: SimulatedDisk
    var log: PartitionLog
    var twin: [Appended] = []
    var flushedEnd: Offset = 0
    var rememberedEnd: Offset = 0
    var rememberedCleaned: Offset?
    var time: Int64 = 0
    var violations: [String] = []
    var roundCount = 0
    var crashCount = 0
    var lateCrashCount = 0

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        disk = SimulatedDisk(seed: seed)
        log = try opened(disk, Self.settings)
        for directory in ["/", "/data"] { try disk.synchronizeDirectory(directory) }
    }

    static var settings: LogSettings {
        compacted(segment: 600) {
            $0.deleteRetentionInMilliseconds = tombstoneLife
            $0.indexIntervalInBytes = 100
        }
    }

    mutating func run(steps: Int) throws {
        for _ in 0..<steps {
            time += Int64.random(in: 1...20, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6: try append()
            case 6: try flush()
            default: try compactPerhapsCrashing()
            }
        }
        try crash()
    }

    mutating func append() throws {
        let count = Int.random(in: 1...4, using: &random)
        let first = log.logEndOffset
        var pairs: [(String, String?)] = []
        for place in 0..<count {
            let key = "k\(Int.random(in: 0..<12, using: &random))"
            let value = Int.random(in: 0..<4, using: &random) == 0 ? nil : "v\(first + Int64(place))"
            pairs.append((key, value))
            twin.append(Appended(offset: first + Int64(place), key: key, value: value, time: time))
        }
        let codec = CompressionCodec.allCases[Int.random(in: 0..<5, using: &random)]
        _ = try log.append(
            keyed(pairs, codec: codec, from: moment(time).unixMilliseconds), at: moment(time))
        log.advanceHighWatermark(to: log.logEndOffset)
    }

    mutating func flush() throws {
        try log.flush(at: moment(time))
        flushedEnd = log.logEndOffset
    }

    /// A round that may end anywhere with the machine.
    mutating func compactPerhapsCrashing() throws {
        guard let found = try log.cleanability(at: moment(time)), found.isDue else { return }
        if let flush = try log.flushBeforeCleaning(upTo: found.bound) {
            try flush.perform()
            log.finishFlush(flush, at: moment(time))
            flushedEnd = log.logEndOffset
        }
        // What `LogDirectory.writeRecoveryPoints` does.
        log.rememberRecoveryPoint()
        rememberedEnd = log.recoveryPoint
        if Bool.random(using: &random) { disk.stop(afterChanges: Int.random(in: 0..<40, using: &random)) }
        var segments: [CleanedSegment] = []
        do {
            let round = try log.beginCleaning(found, limits: CleaningLimits(), secret: (3, 4), at: moment(time))
            var swapped = 0
            let end = try round.perform(pace: { _ in }, done: { segments.append($0) })
            for segment in segments {
                try log.swapIn(segment, of: round, at: moment(time))
                swapped += 1
            }
            if try log.endCleaning(round, cleanedUpTo: end) { rememberedCleaned = log.cleanedUpTo }
            roundCount += 1
            if disk.isStopped { try crash() } else { disk.endStop() }
        } catch LogFailure.disk {
            if !segments.isEmpty { lateCrashCount += 1 }
            try crash()
        }
        try check("a round")
    }

    mutating func crash() throws {
        crashCount += 1
        disk.crash()
        log = try opened(
            disk, Self.settings,
            LogCheckpoint(recoveryPoint: rememberedEnd, cleanedUpTo: rememberedCleaned), at: moment(time))
        log.advanceHighWatermark(to: log.logEndOffset)
        if log.logEndOffset < flushedEnd { violations.append("\(flushedEnd) was synced, \(log.logEndOffset) is left") }
        twin.removeAll { $0.offset >= log.logEndOffset }
        try flush()
        rememberedEnd = log.recoveryPoint
        try check("a crash")
    }

    mutating func check(_ when: String) throws {
        let records = try log.records()
        var latest: [String: Appended] = [:]
        for one in twin { latest[one.key] = one }
        let byOffset = Dictionary(uniqueKeysWithValues: twin.map { ($0.offset, $0) })
        var previous: Offset = -1
        var found: Set<Offset> = []
        for record in records {
            if record.offset <= previous { violations.append("after \(when) \(record.offset) follows \(previous)") }
            previous = record.offset
            found.insert(record.offset)
            let one = byOffset[record.offset]
            if one?.key != record.key.map({ String(buffer: $0) })
                || one?.value != record.value.map({ String(buffer: $0) })
            {
                violations.append("after \(when) offset \(record.offset) holds another record")
            }
        }
        for one in latest.values where !found.contains(one.offset) {
            if one.value != nil || time < one.time + Self.tombstoneLife {
                violations.append("after \(when) \(one.offset) is gone, the last of \(one.key)")
            }
        }
        // What is read of a key last is its last value, or nothing where that is a tombstone.
        for (key, value) in try log.latestValues() where value != latest[key]?.value {
            violations.append("after \(when) \(key) is \(value)")
        }
        let readCount = try log.values(from: log.logStartOffset).count
        if readCount != records.count { violations.append("after \(when) \(readCount) of \(records.count) were read") }
    }
}

@Suite struct CompactionCrashTests {
    @Test(arguments: 1...60) func theLatestValueOfEachKeySurvivesCrashesInAnyPhase(seed: UInt64) throws {
        var run = try CompactionRun(seed: seed)
        try run.run(steps: 120)
        #expect(run.violations.isEmpty)
    }

    /// The runs reach what they are about.
    @Test func roundsEndAndCrashInEveryPhase() throws {
        var (rounds, crashes, late) = (0, 0, 0)
        for seed in UInt64(1)...20 {
            var run = try CompactionRun(seed: seed)
            try run.run(steps: 120)
            rounds += run.roundCount
            crashes += run.crashCount
            late += run.lateCrashCount
        }
        #expect(rounds > 100 && crashes > 100 && late > 20)
    }
}
