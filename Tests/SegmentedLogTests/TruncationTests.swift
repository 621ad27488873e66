import ClusterModel
import NIOCore
import Records
import SegmentedLog
import Simulation
import Testing

@Suite struct TruncationTests {
    let disk = SimulatedDisk(seed: 4)

    /// Ten batches of three records, an epoch for every four batches.
    func filled() throws -> PartitionLog {
        let log = try opened(disk, settings(segment: 3 * batch(["00", "00", "00"]).readableBytes))
        for place in 0..<10 {
            try log.append(
                batch(
                    ["\(10 + place)", "..", ".."], producer: 5, epoch: 0, sequence: Int32(3 * place),
                    isTransactional: place == 9),
                epoch: LeaderEpoch(place / 4))
        }
        log.advanceHighWatermark(to: 30)
        return log
    }

    @Test(arguments: 0...30) func whatStaysIsAsBefore(_ offset: Int64) throws {
        let log = try filled()
        try log.truncate(to: offset, at: moment())
        let end = offset / 3 * 3
        #expect(log.logEndOffset == (offset == 30 ? 30 : end) && log.highWatermark == log.logEndOffset)
        #expect(try log.values(from: 0).map(\.offset) == Array(0..<log.logEndOffset))
        #expect(log.leaderEpochs.entries.allSatisfy { $0.startOffset < log.logEndOffset })
        let next = Int32(log.logEndOffset)
        #expect(
            try log.append(
                batch(["n"], producer: 5, epoch: 0, sequence: next, isTransactional: true), epoch: 9
            ).appended?.firstOffset == log.logEndOffset - 1)
        try log.flush(at: moment())
        let again = try opened(disk, log.settings)
        #expect(try again.values(from: 0).map(\.value) == log.values(from: 0).map(\.value))
        #expect(again.leaderEpochs == log.leaderEpochs)
        #expect(again.recovery.cuts.isEmpty)
    }

    @Test func anOpenTransactionThatIsCutOffIsForgotten() throws {
        let log = try filled()
        #expect(log.lastStableOffset == 27)
        try log.truncate(to: 27, at: moment())
        #expect(log.lastStableOffset == 27)
        try log.append(batch(["a"]))
        log.advanceHighWatermark(to: 28)
        #expect(log.lastStableOffset == 28)
    }

    @Test func aLogBeginsAnewElsewhere() throws {
        let log = try filled()
        try log.truncateFully(startingAt: 1000, at: moment())
        #expect(log.logStartOffset == 1000 && log.logEndOffset == 1000 && log.segmentCount == 1)
        #expect(log.leaderEpochs.entries.isEmpty && log.activeProducers.isEmpty)
        try log.append(batch(["a"]))
        #expect(try log.values(from: 1000).map(\.offset) == [1000])
    }

    @Test func batchesOfALeaderKeepTheirOffsets() throws {
        let log = try filled()
        let copy = try opened(SimulatedDisk())
        for offset in stride(from: Int64(0), to: 30, by: 3) {
            guard case .slice(let slice) = try log.read(from: offset, maxBytes: 1, minOneBatch: true, upTo: .max) else {
                Issue.record("offset \(offset) is out of range")
                return
            }
            let outcome = try copy.appendKeepingOffsets(try #require(slice.range).bytes(), at: moment())
            #expect(outcome.appended?.firstOffset == offset)
        }
        #expect(try copy.values(from: 0).map(\.value) == log.values(from: 0).map(\.value))
        #expect(copy.leaderEpochs == log.leaderEpochs)
        let old = try copy.appendKeepingOffsets(batch(["x"]), at: moment()).refusal
        #expect(old == .offsetsOutOfOrder(expected: 30, found: 0))
        var gap = batch(["far"])
        gap.withUnsafeMutableReadableBytes { BatchRewriting.place($0, at: 1 << 40, leaderEpoch: 3) }
        #expect(try copy.appendKeepingOffsets(gap, at: moment()).appended?.firstOffset == 1 << 40)
        #expect(try copy.values(from: 30).map(\.offset) == [1 << 40])
        var later = batch(["of a successor"])
        later.withUnsafeMutableReadableBytes { BatchRewriting.place($0, at: 1 << 41, leaderEpoch: 4) }
        let refused = try copy.appendKeepingOffsets(later, newestEpoch: 3, at: moment()).refusal
        #expect(refused == .leaderEpochAhead(newest: 3, found: 4))
        #expect(try copy.appendKeepingOffsets(later, newestEpoch: 4, at: moment()).appended?.firstOffset == 1 << 41)
    }

    /// Records were deleted up to the middle of a batch, which goes as a whole.
    @Test(arguments: [(start: Int64(13), cut: Int64(14)), (13, 13), (14, 14)])
    func aCutInsideTheFirstBatchLeavesALogWithoutRecords(_ start: Int64, _ cut: Int64) throws {
        let log = try filled()
        _ = try log.deleteRecords(before: start)
        try log.truncate(to: cut, at: moment())
        #expect(log.logStartOffset == start && log.logEndOffset == start && log.highWatermark == start)
        try log.append(batch(["n"]), epoch: 9)
        #expect(try log.values(from: start).map(\.offset) == [start])
        try log.flush(at: moment())
        let again = try opened(disk, log.settings, LogCheckpoint(logStartOffset: start))
        #expect(try again.values(from: start).map(\.value) == ["n"])
    }

    /// Records were deleted up to the middle of a batch before the follower began.
    @Test func aFollowerBeginsInsideABatchAsItsLeaderDoes() throws {
        let log = try filled()
        _ = try log.deleteRecords(before: 13)
        let copy = try opened(SimulatedDisk())
        try copy.truncateFully(startingAt: 13, at: moment())
        for _ in 0..<6 {
            guard
                case .slice(let slice) = try log.read(
                    from: copy.logEndOffset, maxBytes: 1, minOneBatch: true, upTo: .max)
            else {
                Issue.record("offset \(copy.logEndOffset) is out of range")
                return
            }
            let outcome = try copy.appendKeepingOffsets(try #require(slice.range).bytes(), at: moment())
            #expect(outcome.appended != nil)
            #expect(copy.logStartOffset == 13)
        }
        #expect(try copy.values(from: 13).map(\.value) == log.values(from: 13).map(\.value))
        // Not where there are records, nor what ends before.
        let begun = try opened(SimulatedDisk())
        try begun.truncateFully(startingAt: 13, at: moment())
        var early = batch(["x"])
        early.withUnsafeMutableReadableBytes { BatchRewriting.place($0, at: 12, leaderEpoch: 3) }
        #expect(
            try begun.appendKeepingOffsets(early, at: moment()).refusal == .offsetsOutOfOrder(expected: 13, found: 12))
        try begun.append(batch(["y"]), epoch: 3)
        var around = batch(["x", "y", "z"])
        around.withUnsafeMutableReadableBytes { BatchRewriting.place($0, at: 12, leaderEpoch: 3) }
        #expect(
            try begun.appendKeepingOffsets(around, at: moment()).refusal == .offsetsOutOfOrder(expected: 14, found: 12))
    }
}
