import ClusterModel
import SegmentedLog
import Simulation
import Testing

/// Rolling, retention, lookups by time, and what a change of settings does.
@Suite struct SegmentTests {
    let disk = SimulatedDisk()

    /// A log of 40 records, one a batch and one a second, in segments of about ten.
    func filled(_ change: (inout LogSettings) -> Void = { _ in }) throws -> PartitionLog {
        let log = try opened(
            disk,
            settings(segment: 10 * batch(["v10"]).readableBytes) {
                $0.retentionInMilliseconds = nil
                $0.indexIntervalInBytes = 200
                change(&$0)
            })
        for second in 0..<40 {
            try log.append(
                batch(["v\(10 + second)"], from: moment(Int64(second) * 1000).unixMilliseconds),
                at: moment(Int64(second) * 1000))
        }
        log.advanceHighWatermark(to: log.logEndOffset)
        return log
    }

    @Test func segmentsEndWhenFull() throws {
        let log = try filled()
        #expect(log.segmentCount == 4)
        let names = try disk.list("/data/t-0").filter { $0.hasSuffix(".log") }
        #expect(names == [0, 10, 20, 30].map { LogFileName.name($0, ".log") })
        #expect(try log.values(from: 0).map(\.offset) == Array(0..<40))
        #expect(try log.values(from: 17, maxBytes: 1).map(\.offset) == Array(17..<40))
    }

    @Test func segmentsEndByAge() throws {
        let log = try opened(disk, settings { $0.segmentAgeInMilliseconds = 10_000 })
        for second: Int64 in [0, 5, 10, 11, 12, 30] {
            try log.append(batch(["v"], from: moment(second * 1000).unixMilliseconds), at: moment(second * 1000))
        }
        #expect(try disk.list("/data/t-0").filter { $0.hasSuffix(".log") }.count == 3)
        #expect(log.segmentCount == 3)
    }

    @Test func settingsMayChangeBetweenAppends() throws {
        let log = try opened(disk)
        try log.append(batch(["a"]))
        log.settings.segmentSizeInBytes = 100
        try log.append(batch(["b"]))
        #expect(log.segmentCount == 2)
    }

    @Test func retentionBySizeKeepsWholeSegments() throws {
        let log = try filled()
        let size = Int64(log.sizeInBytes)
        log.settings.retentionInBytes = size - 1
        #expect(try log.retain(at: moment()) == 0)
        log.settings.retentionInBytes = size / 2
        #expect(try log.retain(at: moment()) == 2)
        #expect(log.logStartOffset == 20 && log.segmentCount == 2)
        #expect(try log.values(from: 20).map(\.offset) == Array(20..<40))
        let due = try #require(log.nextFileDeletion)
        #expect(try disk.list("/data/t-0").contains { $0.hasSuffix(".deleted") })
        try log.removeDeletedFiles(at: due)
        #expect(try !disk.list("/data/t-0").contains { $0.hasSuffix(".deleted") })
        #expect(log.nextFileDeletion == nil)
    }

    @Test func retentionByTimeMayEmptyTheLog() throws {
        let log = try filled()
        log.settings.retentionInMilliseconds = 15_000
        #expect(try log.retain(at: moment(39_000)) == 2)
        #expect(log.logStartOffset == 20)
        #expect(try log.retain(at: moment(1_000_000)) == 2)
        #expect(log.logStartOffset == 40 && log.logEndOffset == 40 && log.segmentCount == 1)
        try log.append(batch(["next"]))
        #expect(try log.values(from: 40).map(\.value) == ["next"])
    }

    @Test func whatIsNotCommittedIsRetained() throws {
        let log = try opened(disk, settings(segment: 100) { $0.retentionInBytes = 0 })
        for _ in 0..<5 { try log.append(batch(["a"])) }
        #expect(try log.retain(at: moment()) == 0)
        log.advanceHighWatermark(to: 3)
        #expect(try log.retain(at: moment()) == 3)
        #expect(log.logStartOffset == 3)
    }

    @Test func deletedRecordsGoAndStayGone() throws {
        let log = try filled()
        #expect(try !log.deleteRecords(before: 41))
        #expect(try !log.deleteRecords(before: -1))
        #expect(try log.deleteRecords(before: 25))
        #expect(log.logStartOffset == 25)
        #expect(try log.retain(at: moment(39_000)) == 2)
        #expect(try log.firstRecord(stampedFrom: 0)?.offset == 25)
        try log.close(at: moment())
        let again = try opened(
            disk, log.settings,
            LogCheckpoint(recoveryPoint: 40, logStartOffset: 25, highWatermark: 40, wasClosed: true))
        #expect(again.logStartOffset == 25 && again.firstSegmentOffset == 20 && again.logEndOffset == 40)
    }

    @Test(arguments: [false, true]) func recordsAreFoundByTime(afterRestart: Bool) throws {
        var log = try filled()
        if afterRestart {
            try log.close(at: moment())
            log = try opened(
                disk, log.settings, LogCheckpoint(recoveryPoint: 40, highWatermark: 40, wasClosed: true))
        }
        for second in Int64(0)..<40 {
            let time = moment(second * 1000).unixMilliseconds
            #expect(try log.firstRecord(stampedFrom: time) == .init(offset: second, timestamp: time, leaderEpoch: 0))
            #expect(try log.firstRecord(stampedFrom: time - 999)?.offset == second)
        }
        #expect(try log.firstRecord(stampedFrom: moment(39_001).unixMilliseconds) == nil)
        #expect(try log.recordWithMaxTimestamp()?.offset == 39)
    }

    @Test func timestampsNeedNotRise() throws {
        let log = try opened(disk, settings { $0.indexIntervalInBytes = 0 })
        for time: Int64 in [50, 10, 90, 90, 20, 60] { try log.append(batch(["v"], from: time)) }
        #expect(try log.firstRecord(stampedFrom: 15)?.offset == 0)
        #expect(try log.firstRecord(stampedFrom: 51)?.offset == 2)
        #expect(try log.firstRecord(stampedFrom: 91) == nil)
        #expect(try log.recordWithMaxTimestamp() == .init(offset: 2, timestamp: 90, leaderEpoch: 0))
    }

    @Test(arguments: UInt64(0)..<20) func lookupsByTimeAreThoseOfASearchThroughAll(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let log = try opened(disk, settings(segment: 700) { $0.indexIntervalInBytes = 120 })
        var times: [Int64] = []
        for _ in 0..<60 {
            // Mostly rising, with steps back and repetitions; records of a batch are a millisecond apart.
            let time = max(0, Int64(times.count) * 5 + Int64.random(in: -100...100, using: &random))
            let count = Int.random(in: 1...3, using: &random)
            try log.append(batch(Array(repeating: "v", count: count), from: time))
            times += (0..<count).map { time + Int64($0) }
        }
        for time in Int64(-1)...((times.max() ?? 0) + 1) {
            let expected = times.firstIndex { $0 >= time }
            #expect(try log.firstRecord(stampedFrom: time)?.offset == expected.map { Offset($0) }, "time \(time)")
        }
        let largest = times.max()
        #expect(try log.recordWithMaxTimestamp()?.timestamp == largest)
        #expect(try log.recordWithMaxTimestamp()?.offset == times.firstIndex { $0 == largest }.map { Offset($0) })
    }

    @Test func anEpochIsWrittenDownWithItsFirstRecord() throws {
        let log = try opened(disk)
        try log.append(batch(["a"]), epoch: 1)
        log.beginLeaderEpoch(3)
        #expect(try opened(disk).leaderEpochs.entries == [.init(epoch: 1, startOffset: 0)])
        try log.append(batch(["b"]), epoch: 3)
        #expect(
            try opened(disk).leaderEpochs.entries
                == [.init(epoch: 1, startOffset: 0), .init(epoch: 3, startOffset: 1)])
    }

    @Test func epochsTellWhereTheyEnd() throws {
        let log = try opened(disk)
        try log.append(batch(["a", "b"]), epoch: 1)
        try log.append(batch(["c"]), epoch: 4)
        log.beginLeaderEpoch(6)
        #expect(log.end(of: 0) == EpochEnd(epoch: 0, endOffset: 0))
        #expect(log.end(of: 1) == EpochEnd(epoch: 1, endOffset: 2))
        #expect(log.end(of: 3) == EpochEnd(epoch: 1, endOffset: 2))
        #expect(log.end(of: 6) == EpochEnd(epoch: 6, endOffset: 3))
        #expect(log.end(of: 7) == .unknown && log.end(of: -1) == .unknown)
        let again = try opened(disk)
        #expect(again.leaderEpochs.entries.first == .init(epoch: 1, startOffset: 0))
        #expect(again.end(of: 1).endOffset == 2)
    }

    @Test func flushesAreDueByCountAndTime() throws {
        let log = try opened(
            disk,
            settings {
                $0.flushIntervalInRecords = 3
                $0.flushIntervalInMilliseconds = 1000
            })
        #expect(!log.isFlushDue(at: moment(5000)))
        try log.append(batch(["a", "b"]))
        #expect(!log.isFlushDue(at: moment(999)) && log.isFlushDue(at: moment(1000)))
        try log.append(batch(["c"]))
        #expect(log.isFlushDue(at: moment()))
        try log.flush(at: moment())
        #expect(!log.isFlushDue(at: moment(5000)) && log.recoveryPoint == 3)
    }
}
