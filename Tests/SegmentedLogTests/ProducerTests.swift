import ClusterModel
import NIOCore
import Records
import SegmentedLog
import Simulation
import Testing

/// Idempotent and transactional producers (KIP-98), before and after restarts.
@Suite struct ProducerTests {
    /// How a log comes back for the second half of a test.
    enum Restart: CaseIterable { case none, closed, crashed, crashedWithoutSnapshots }

    let disk = SimulatedDisk(seed: 1)

    func restarted(_ log: PartitionLog, _ restart: Restart) throws -> PartitionLog {
        var checkpoint = LogCheckpoint(highWatermark: log.highWatermark)
        switch restart {
        case .none: return log
        case .closed:
            try log.close(at: moment())
            checkpoint.recoveryPoint = log.recoveryPoint
            checkpoint.wasClosed = true
        case .crashed, .crashedWithoutSnapshots:
            try log.flush(at: moment())
            checkpoint.recoveryPoint = restart == .crashed ? log.recoveryPoint : 0
            disk.crash()
            guard restart == .crashedWithoutSnapshots else { break }
            for name in try disk.list("/data/t-0") where name.hasSuffix(".snapshot") {
                try disk.remove("/data/t-0/" + name)
            }
        }
        return try opened(disk, log.settings, checkpoint)
    }

    @Test(arguments: Restart.allCases) func sequencesAreChecked(_ restart: Restart) throws {
        var log = try opened(disk)
        try disk.synchronizeDirectory("/")
        try disk.synchronizeDirectory("/data")
        try log.append(batch(["a", "b", "c"], producer: 9, epoch: 2, sequence: 0))
        try log.append(batch(["d"], producer: 9, epoch: 2, sequence: 3))
        log = try restarted(log, restart)
        #expect(log.logEndOffset == 4)
        let repeated = try log.append(batch(["d"], producer: 9, epoch: 2, sequence: 3))
        guard case .duplicate(let range) = repeated else {
            Issue.record("\(repeated)")
            return
        }
        #expect(range.firstOffset == 3 && range.lastOffset == 3)
        let gap = try log.append(batch(["f"], producer: 9, epoch: 2, sequence: 5)).refusal
        #expect(gap == .outOfOrderSequence(producerID: 9, expected: 4, found: 5) && gap?.errorCode == 45)
        let old = try log.append(batch(["f"], producer: 9, epoch: 1, sequence: 0)).refusal
        #expect(old == .fencedProducer(producerID: 9, current: 2, found: 1) && old?.errorCode == 47)
        let later = try log.append(batch(["f"], producer: 9, epoch: 3, sequence: 4)).refusal
        #expect(later == .outOfOrderSequence(producerID: 9, expected: 0, found: 4))
        #expect(try log.append(batch(["e"], producer: 9, epoch: 2, sequence: 4)).appended?.firstOffset == 4)
        #expect(try log.append(batch(["g"], producer: 9, epoch: 3, sequence: 0)).appended?.firstOffset == 5)
        #expect(log.activeProducers.map(\.producerID) == [9])
        #expect(log.activeProducers.first?.entry.epoch == 3)
    }

    @Test(arguments: Restart.allCases, [1 << 20, 200]) func fiveBatchesAreRemembered(
        _ restart: Restart, segmentBytes: Int
    ) throws {
        var log = try opened(disk, settings(segment: segmentBytes))
        try disk.synchronizeDirectory("/")
        try disk.synchronizeDirectory("/data")
        for sequence in Int32(0)..<6 { try log.append(batch(["v"], producer: 1, epoch: 0, sequence: sequence)) }
        log = try restarted(log, restart)
        for sequence in Int32(1)..<6 {
            guard
                case .duplicate(let range) = try log.append(
                    batch(["v"], producer: 1, epoch: 0, sequence: sequence))
            else {
                Issue.record("sequence \(sequence) is not known any more")
                continue
            }
            #expect(range.firstOffset == Int64(sequence))
        }
        #expect(try log.append(batch(["v"], producer: 1, epoch: 0, sequence: 0)).refusal?.errorCode == 45)
    }

    @Test func sequencesGoOnWithZeroAfterTheLargest() throws {
        let log = try opened(disk)
        try log.append(batch(["a", "b"], producer: 1, epoch: 0, sequence: .max - 1))
        #expect(try log.append(batch(["c"], producer: 1, epoch: 0, sequence: 0)).appended != nil)
        try log.append(batch(["d", "e", "f"], producer: 2, epoch: 0, sequence: .max - 1))
        #expect(try log.append(batch(["g"], producer: 2, epoch: 0, sequence: 1)).appended != nil)
    }

    @Test func batchesOfOneAppendFollowEachOther() throws {
        let log = try opened(disk)
        let both = joined(
            batch(["a"], producer: 1, epoch: 0, sequence: 0), batch(["b"], producer: 1, epoch: 0, sequence: 1))
        #expect(try log.append(both).appended?.lastOffset == 1)
        let gap = joined(
            batch(["c"], producer: 1, epoch: 0, sequence: 2), batch(["d"], producer: 1, epoch: 0, sequence: 4))
        #expect(try log.append(gap).refusal?.errorCode == 45)
        #expect(try log.append(batch(["c"], producer: 1, epoch: 0, sequence: 2)).appended?.firstOffset == 2)
    }

    @Test func silentProducersAreForgotten() throws {
        let log = try opened(disk)
        try log.append(batch(["a"], producer: 1, epoch: 0, sequence: 0))
        try log.append(batch(["a"], producer: 2, epoch: 0, sequence: 0, isTransactional: true))
        log.expireProducers(at: moment(86_399_999))
        #expect(log.activeProducers.count == 2)
        log.expireProducers(at: moment(86_400_001))
        #expect(log.activeProducers.map(\.producerID) == [2])
    }

    @Test(arguments: Restart.allCases) func committedReadersWaitForMarkers(_ restart: Restart) throws {
        var log = try opened(disk)
        try disk.synchronizeDirectory("/")
        try disk.synchronizeDirectory("/data")
        try log.append(batch(["plain"]))
        try log.append(batch(["t1"], producer: 1, epoch: 0, sequence: 0, isTransactional: true))
        try log.append(batch(["t2"], producer: 2, epoch: 0, sequence: 0, isTransactional: true))
        #expect(try log.append(batch(["no"], producer: 2, epoch: 0, sequence: 1)).refusal?.errorCode == 48)
        log.advanceHighWatermark(to: 3)
        #expect(log.lastStableOffset == 1)
        log = try restarted(log, restart)
        #expect(log.lastStableOffset == 1)
        let abort = marker(producer: 1, epoch: 0, isCommit: false, coordinatorEpoch: 5)
        #expect(
            try log.append(abort, leaderEpoch: 0, origin: .broker, inspector: RecordInspector(), at: moment()).appended?
                .firstOffset == 3)
        #expect(log.lastStableOffset == 1)
        log.advanceHighWatermark(to: 4)
        #expect(log.lastStableOffset == 2)
        let late = marker(producer: 1, epoch: 0, isCommit: true, coordinatorEpoch: 4)
        #expect(
            try log.append(late, leaderEpoch: 0, origin: .broker, inspector: RecordInspector(), at: moment()).refusal?
                .errorCode == 52)
        let commit = marker(producer: 2, epoch: 0, isCommit: true, coordinatorEpoch: 5)
        _ = try log.append(commit, leaderEpoch: 0, origin: .broker, inspector: RecordInspector(), at: moment())
        log.advanceHighWatermark(to: 5)
        #expect(log.lastStableOffset == 5)
        log = try restarted(log, restart)
        #expect(log.lastStableOffset == 5)
        #expect(try aborted(log, from: 0) == [AbortedTransaction(producerID: 1, firstOffset: 1)])
        #expect(try aborted(log, from: 2) == [AbortedTransaction(producerID: 1, firstOffset: 1)])
        #expect(try aborted(log, from: 4).isEmpty)
    }

    /// As a follower and a mirror topic get them.
    @Test func oneAppendMayEndATransactionAndBeginTheNext() throws {
        let log = try opened(disk)
        let batches = joined(
            batch(["t1"], producer: 1, epoch: 0, sequence: 0, isTransactional: true),
            marker(producer: 1, epoch: 0, isCommit: false),
            batch(["t2"], producer: 1, epoch: 0, sequence: 1, isTransactional: true))
        _ = try log.append(batches, leaderEpoch: 0, origin: .broker, inspector: RecordInspector(), at: moment())
        log.advanceHighWatermark(to: 3)
        #expect(log.lastStableOffset == 2)
        #expect(log.openTransactions.map(\.firstOffset) == [2])
        #expect(try aborted(log, from: 0) == [AbortedTransaction(producerID: 1, firstOffset: 0)])
        _ = try log.append(
            marker(producer: 1, epoch: 0, isCommit: true), leaderEpoch: 0, origin: .broker,
            inspector: RecordInspector(), at: moment())
        log.advanceHighWatermark(to: 4)
        #expect(log.lastStableOffset == 4)
    }

    private func aborted(_ log: PartitionLog, from offset: Offset) throws -> [AbortedTransaction] {
        guard
            case .slice(let slice) = try log.read(
                from: offset, maxBytes: 1 << 20, minOneBatch: true, upTo: log.lastStableOffset, abortedIncluded: true)
        else { return [] }
        return slice.abortedTransactions
    }
}
