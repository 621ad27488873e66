import ClusterModel
import NIOCore
import Records
import SegmentedLog
import Simulation
import Testing

/// A log against a dumb twin, an array of values, over crashes at any point.
@Suite struct RecoveryTests {
    /// A log, its twin, and what of the twin was synced.
    final class Life {
        let disk: SimulatedDisk
        var random: SeededRandom
        var log: PartitionLog
        var values: [String] = []
        var syncedCount = 0
        /// The last producer batch that the log took: its sequence and offset.
        var nextSequence: Int32 = 0
        var checkpoint = LogCheckpoint()
        let settings: LogSettings
        var epoch: LeaderEpoch = 0

        init(seed: UInt64) throws {
            disk = SimulatedDisk(seed: seed)
            random = SeededRandom(seed: ~seed)
            settings = SegmentedLogTests.settings(segment: 600) { $0.indexIntervalInBytes = 150 }
            try disk.createDirectory("/data/t-0")
            try disk.synchronizeDirectory("/")
            try disk.synchronizeDirectory("/data")
            log = try opened(disk, settings)
        }

        /// One of what a broker does to a log.
        func step() throws {
            switch Int.random(in: 0..<20, using: &random) {
            case 0: epoch += 1
            case 1..<4:
                try log.flush(at: moment())
                syncedCount = values.count
                if Bool.random(using: &random) { checkpoint.recoveryPoint = log.recoveryPoint }
            case 4:
                // As brokers do: the checkpoint first goes back, then the log. A batch of up to four goes as a whole.
                guard log.logEndOffset > 0 else { break }
                let offset = Int64.random(in: 0..<log.logEndOffset, using: &random)
                checkpoint.recoveryPoint = min(checkpoint.recoveryPoint, max(0, offset - 3))
                syncedCount = min(syncedCount, max(0, Int(offset) - 3))
                try log.truncate(to: offset, at: moment())
                values.removeLast(values.count - Int(log.logEndOffset))
                syncedCount = values.count
                nextSequence = Int32(values.count)
            default:
                let count = Int.random(in: 1...4, using: &random)
                let new = (0..<count).map { "\(values.count + $0)-\(epoch)-\(random.next() % 1000)" }
                // Until it is known to be taken, a crash may leave it or not.
                values += new
                let outcome = try log.append(
                    batch(new, producer: 1, epoch: 0, sequence: nextSequence), epoch: epoch)
                guard outcome.appended?.lastOffset == Int64(values.count - 1) else {
                    throw AppendRefusal.empty
                }
                nextSequence += Int32(count)
            }
        }

        /// Comes back after a crash and compares.
        func restart() throws {
            disk.crash()
            if Bool.random(using: &random) {
                // The power goes again while the log is being opened.
                disk.stop(afterChanges: Int.random(in: 0..<8, using: &random))
                do { _ = try opened(disk, settings, checkpoint) } catch is LogFailure {}
                disk.crash()
            }
            log = try opened(disk, settings, checkpoint)
            let found = try log.values(from: log.logStartOffset)
            #expect(log.logStartOffset == 0)
            #expect(found.map(\.offset) == Array(0..<Int64(found.count)) && log.logEndOffset == Int64(found.count))
            #expect(found.count >= syncedCount, "synced \(syncedCount), found \(found.count)")
            #expect(found.map(\.value) == Array(values.prefix(found.count)))
            var epochs = LeaderEpochHistory()
            for (offset, value) in found {
                _ = epochs.note(try #require(LeaderEpoch(value.split(separator: "-")[1])), startingAt: offset)
            }
            #expect(log.leaderEpochs == epochs)
            for offset in found.indices { #expect(try log.firstValue(from: Int64(offset)) == found[offset].value) }
            values = found.map(\.value)
            syncedCount = 0
            nextSequence = Int32(found.count)
            #expect((log.activeProducers.first?.entry.lastSequence ?? -1) == nextSequence - 1)
            #expect(log.leaderEpochs.entries.allSatisfy { $0.startOffset <= log.logEndOffset })
            try log.flush(at: moment())
            syncedCount = values.count
        }
    }

    @Test(arguments: 0..<60) func nothingSyncedIsLost(seed: UInt64) throws {
        let life = try Life(seed: seed)
        for _ in 0..<4 {
            life.disk.stop(afterChanges: Int.random(in: 0..<250, using: &life.random))
            do {
                for _ in 0..<120 { try life.step() }
            } catch is LogFailure {
                // The disk stopped: the crash.
            }
            try life.restart()
        }
    }

    /// A log of 12 segments, closed or flushed.
    func filled(_ disk: SimulatedDisk, closing: Bool = true) throws -> PartitionLog {
        let log = try opened(disk, settings(segment: 400) { $0.indexIntervalInBytes = 100 })
        for value in 0..<60 {
            try log.append(
                batch(["v\(10 + value)"], from: Int64(1000 + value), producer: 3, epoch: 0, sequence: Int32(value)))
        }
        if closing { try log.close(at: moment()) } else { try log.flush(at: moment()) }
        return log
    }

    func reopened(_ disk: SimulatedDisk, wasClosed: Bool) throws -> PartitionLog {
        try opened(
            disk, settings(segment: 400) { $0.indexIntervalInBytes = 100 },
            LogCheckpoint(recoveryPoint: wasClosed ? 60 : 0, highWatermark: 60, wasClosed: wasClosed))
    }

    @Test func aClosedLogIsNotReadAgain() throws {
        let disk = SimulatedDisk()
        _ = try filled(disk)
        let log = try reopened(disk, wasClosed: true)
        #expect(log.recovery == RecoveryReport())
        #expect(log.logEndOffset == 60 && log.highWatermark == 60)
        #expect(try log.values(from: 0).count == 60)
    }

    @Test func aLogThatWasReadAgainNeedsItOnlyOnce() throws {
        let disk = SimulatedDisk()
        _ = try filled(disk, closing: false)
        let log = try reopened(disk, wasClosed: false)
        #expect(log.recovery.scannedSegments == log.segmentCount)
        try log.close(at: moment())
        #expect(try reopened(disk, wasClosed: true).recovery == RecoveryReport())
    }

    @Test(arguments: [".index", ".timeindex"]) func indexesAreRebuilt(suffix: String) throws {
        for damage in 0..<4 {
            let disk = SimulatedDisk()
            _ = try filled(disk)
            let path = "/data/t-0/" + LogFileName.name(try second(disk), suffix)
            let file = try disk.open(path, .readWrite)
            let size = try file.size()
            switch damage {
            case 0: try disk.remove(path)
            case 1: try file.truncate(to: size - 1)
            case 2: try file.truncate(to: size + 10 * 24)
            default: try file.truncate(to: 0)
            }
            let log = try reopened(disk, wasClosed: true)
            // An empty offset index may be right.
            let mayBeEmpty = damage == 3 && suffix == ".index"
            let base = try second(disk)
            #expect(mayBeEmpty || log.recovery.rebuiltIndexes == [base], "\(suffix), damage \(damage)")
            let rebuilt = try disk.attributes(path)?.sizeInBytes
            #expect(mayBeEmpty || rebuilt == size)
            for offset in Int64(0)..<60 {
                #expect(try log.firstValue(from: offset) == "v\(10 + offset)")
                #expect(try log.firstRecord(stampedFrom: 1000 + offset)?.offset == offset)
            }
        }
    }

    /// The base offset of the second segment.
    private func second(_ disk: SimulatedDisk) throws -> Offset {
        try #require(
            try disk.list("/data/t-0").compactMap { LogFileName.offset(of: $0, ".log") }.sorted().dropFirst().first)
    }

    @Test func rotIsCutWithAllBehindIt() throws {
        for place in stride(from: 0, to: 300, by: 7) {
            let disk = SimulatedDisk()
            _ = try filled(disk, closing: false)
            let base = try second(disk)
            let path = "/data/t-0/" + LogFileName.name(base, ".log")
            disk.rot(path, at: place)
            let log = try reopened(disk, wasClosed: false)
            let found = try log.values(from: 0)
            #expect(log.logEndOffset >= base && found.prefix(Int(base)).map(\.offset) == Array(0..<base))
            // Base offset and leader epoch lie outside of what the CRC covers.
            let size = batch(["v10"]).readableBytes
            if !(0..<8).contains(place % size) && !(12..<16).contains(place % size) {
                #expect(log.logEndOffset < 60 && log.recovery.cuts.count == 1, "byte \(place)")
            }
            try log.append(batch(["next"]))
            #expect(try log.values(from: 0).last?.value == "next")
        }
    }

    @Test func unfinishedFilesAreRemoved() throws {
        let disk = SimulatedDisk()
        _ = try filled(disk)
        for name in [
            "00000000000000000007.log.cleaned", "00000000000000000099.index", "leader-epoch-checkpoint.tmp",
            "00000000000000000003.log.deleted",
        ] { _ = try disk.open("/data/t-0/" + name, .createNew) }
        let log = try reopened(disk, wasClosed: true)
        #expect(log.recovery.removedFiles.count == 4 && log.logEndOffset == 60)
    }

    @Test func filesThatAreNotALogsStay() throws {
        let disk = SimulatedDisk()
        _ = try filled(disk)
        _ = try disk.open("/data/t-0/notes.txt", .createNew)
        _ = try reopened(disk, wasClosed: true)
        #expect(try disk.attributes("/data/t-0/notes.txt") != nil)
    }

    @Test func nonsenseInTheEpochFileIsReported() throws {
        let disk = SimulatedDisk()
        _ = try filled(disk)
        let file = try disk.open("/data/t-0/leader-epoch-checkpoint", .readWrite)
        try Array("nonsense".utf8).withUnsafeBytes { try file.write($0, at: 0) }
        #expect(throws: LogFailure.self) { try reopened(disk, wasClosed: true) }
    }
}
