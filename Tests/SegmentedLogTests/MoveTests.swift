import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog
import Simulation
import Testing

@Suite struct MoveTests {
    @Test(arguments: 1...80) func aMovingLogKeepsItsRecordsThroughCrashesInAnyPhase(seed: UInt64) throws {
        var run = try MoveRun(seed: seed)
        try run.run(steps: 60)
        #expect(run.violations.isEmpty)
    }

    /// The runs reach what they are about.
    @Test func movesEndAreCancelledAndAreInterrupted() throws {
        var (finished, cancelled, stops) = (0, 0, 0)
        for seed in UInt64(1)...20 {
            var run = try MoveRun(seed: seed)
            try run.run(steps: 60)
            finished += run.finishedCount
            cancelled += run.cancelledCount
            stops += run.stopsInMoves
        }
        #expect(finished > 100 && cancelled > 20 && stops > 20)
    }

    private let disk = SimulatedDisk()

    private func store() throws -> LogStore { try MoveRun.opened(disk, at: moment()) }

    private func filled(_ store: LogStore) throws -> PartitionLog {
        let log = try store.create(
            MoveRun.partition, topicID: MoveRun.topicID, settings: MoveRun.settings, at: moment())
        for value in ["a", "b", "c"] { try log.append(batch([value])) }
        log.advanceHighWatermark(to: 3)
        return log
    }

    private func beginMove(_ store: LogStore) throws -> FutureLog {
        try store.beginMove(
            of: MoveRun.partition, to: store.directories[1], uniqueID: KafkaUUID(high: 1, low: 2), at: moment())
        return try #require(store.future(of: MoveRun.partition))
    }

    private func copyAll(_ store: LogStore) throws {
        let log = try #require(store.log(of: MoveRun.partition))
        let future = try #require(store.future(of: MoveRun.partition))
        while true {
            let step = try log.catchUp(of: future.progress, maxBytes: 100)
            #expect(try future.perform(step, at: moment()) == nil)
            if step.isLast { return }
        }
    }

    @Test func theCopyIsNamedAsApachesAndTakesOverAllThatIsRemembered() throws {
        let store = try store()
        let log = try filled(store)
        _ = try log.deleteRecords(before: 1)
        log.beginLeaderEpoch(4)
        let future = try beginMove(store)
        #expect(try disk.list("/b").contains("t-0.00000000000000010000000000000002-future"))
        #expect(future.progress.logEndOffset == 1)
        try copyAll(store)
        let (moved, failure) = try store.finishMove(
            of: MoveRun.partition, uniqueID: KafkaUUID(high: 3, low: 4), at: moment())
        #expect(failure == nil && store.log(of: MoveRun.partition) === moved)
        #expect(moved.logStartOffset == 1 && moved.highWatermark == 3 && moved.logEndOffset == 3)
        #expect(moved.leaderEpochs.latest == 4)
        #expect(try moved.values(from: 1).map(\.value) == ["b", "c"])
        #expect(store.topicID(of: MoveRun.partition) == MoveRun.topicID)
        #expect(try disk.list("/b/t-0").contains("partition.metadata"))
        #expect(try disk.list("/a").filter { $0.hasPrefix("t-0") } == ["t-0.34-delete"])
        try store.removeDeletedFiles(at: moment(60_000))
        #expect(try disk.list("/a").filter { $0.hasPrefix("t-0") }.isEmpty)
        // Killed at once: the checkpoints of the new directory know it.
        let again = try self.store()
        let log2 = try #require(again.log(of: MoveRun.partition))
        #expect(log2.logStartOffset == 1 && log2.highWatermark == 3)
        #expect(again.directory(of: MoveRun.partition)?.path == "/b")
    }

    /// Between the two renames both directories have the name. The power takes the end of the copy, or nothing.
    @Test(arguments: [false, true]) func whoWasTakingOverIsKnownAfterACrash(isCopyShorter: Bool) throws {
        let opened = try store()
        _ = try filled(opened)
        _ = try beginMove(opened)
        try copyAll(opened)
        // The source's directory cannot be renamed, and then the process is killed.
        disk.inject(.init(.rename, suffix: "/a/t-0"))
        let (_, failure) = try opened.finishMove(
            of: MoveRun.partition, uniqueID: KafkaUUID(high: 3, low: 4), at: moment())
        #expect(failure?.path == "/a/t-0")
        for path in ["/a/t-0", "/b/t-0", "/b/t-0/taking-over"] { #expect(try disk.attributes(path) != nil) }
        if isCopyShorter {
            try disk.open("/b/t-0/00000000000000000000.log", .readWrite).truncate(to: 0)
            for suffix in ["index", "timeindex"] { try disk.remove("/b/t-0/00000000000000000000." + suffix) }
            try disk.remove("/b/t-0/00000000000000000003.snapshot")
            try disk.remove("/b/recovery-point-offset-checkpoint")
        }
        let again = try store()
        #expect(again.directory(of: MoveRun.partition)?.path == (isCopyShorter ? "/a" : "/b"))
        #expect(try again.reports.isEmpty && disk.attributes("/b/t-0/taking-over") == nil)
        // The shorter one goes on being copied to.
        #expect((again.future(of: MoveRun.partition) != nil) == isCopyShorter)
        #expect(try again.log(of: MoveRun.partition)?.values(from: 0).map(\.value) == ["a", "b", "c"])
        if isCopyShorter {
            try copyAll(again)
            _ = try again.finishMove(of: MoveRun.partition, uniqueID: KafkaUUID(high: 5, low: 4), at: moment())
            #expect(try again.log(of: MoveRun.partition)?.values(from: 0).map(\.value) == ["a", "b", "c"])
        }
    }

    @Test func copiesThatAreOfNoUseAreRemoved() throws {
        let opened = try store()
        _ = try filled(opened)
        let future = try beginMove(opened)
        try copyAll(opened)
        try opened.close(at: moment())
        // One that makes no sense.
        disk.rot(future.directory + "/partition.metadata", at: 0)
        var again = try store()
        #expect(again.future(of: MoveRun.partition) == nil && again.reports.count == 1)
        #expect(try disk.attributes(future.directory) == nil)
        // One of an earlier topic of the name.
        _ = try beginMove(again)
        try again.close(at: moment())
        try disk.remove("/a/t-0/partition.metadata")
        try disk.rename("/b/t-0.00000000000000010000000000000002-future", to: "/b/x")
        again = try store()
        try again.delete(MoveRun.partition, uniqueID: KafkaUUID(high: 6, low: 6), at: moment())
        _ = try again.create(
            MoveRun.partition, topicID: KafkaUUID(high: 8, low: 8), settings: MoveRun.settings, at: moment())
        try again.close(at: moment())
        try disk.rename("/b/x", to: "/b/t-0.00000000000000010000000000000002-future")
        #expect(try store().future(of: MoveRun.partition) == nil)
        #expect(try !disk.list("/b").contains { $0.hasSuffix("-future") })
    }

    @Test func aCopyWithoutItsLogIsNeverServed() throws {
        let opened = try store()
        _ = try filled(opened)
        _ = try beginMove(opened)
        try opened.close(at: moment())
        disk.inject(.init(.list, suffix: "/a"))
        let without = try store()
        #expect(without.log(of: MoveRun.partition) == nil && without.failures.map(\.path) == ["/a"])
        let back = try store()
        #expect(back.future(of: MoveRun.partition) != nil && back.directory(of: MoveRun.partition)?.path == "/a")
        // A log that begins anew has nothing to do with what was copied.
        try back.close(at: moment())
        try disk.rename("/a/t-0", to: "/a/gone")
        let anew = try store()
        #expect(anew.log(of: MoveRun.partition) == nil)
        let log = try anew.create(
            MoveRun.partition, topicID: MoveRun.topicID, settings: MoveRun.settings, in: "/b", at: moment())
        #expect(log.logEndOffset == 0 && anew.future(of: MoveRun.partition) == nil)
        #expect(anew.directory(of: MoveRun.partition)?.path == "/b")
    }

    @Test func whatIsCopiedFollowsACutAndABeginningAnew() throws {
        let store = try store()
        let log = try filled(store)
        _ = try beginMove(store)
        try copyAll(store)
        try log.truncate(to: 1, at: moment())
        try log.append(batch(["x"]), epoch: 3)
        try copyAll(store)
        let future = try #require(store.future(of: MoveRun.partition))
        #expect(future.progress.logEndOffset == 2)
        try log.truncateFully(startingAt: 100, at: moment())
        try copyAll(store)
        #expect(future.progress.logStartOffset == 100 && future.progress.logEndOffset == 100)
        try log.append(batch(["y"]), epoch: 4)
        try copyAll(store)
        let (moved, _) = try store.finishMove(
            of: MoveRun.partition, uniqueID: KafkaUUID(high: 3, low: 4), at: moment())
        #expect(try moved.values(from: 100).map(\.value) == ["y"])
    }

    @Test func messagesOfOldFormatsMoveAsTheyAre() throws {
        try disk.createDirectory("/a/t-0")
        let file = try disk.open("/a/t-0/" + LogFileName.name(0, ".log"), .createNew)
        let bytes = (Int64(0)..<10).flatMap { OldFormatTests.message($0, magic: 1, timestamp: 500 + $0, "old\($0)") }
        try bytes.withUnsafeBytes { try file.write($0, at: 0) }
        let store = try store()
        try #require(store.log(of: MoveRun.partition)).append(batch(["new"]))
        _ = try beginMove(store)
        try copyAll(store)
        let (moved, _) = try store.finishMove(
            of: MoveRun.partition, uniqueID: KafkaUUID(high: 3, low: 4), at: moment())
        #expect(try moved.values(from: 9).map(\.value) == ["old9", "new"])
    }

    /// What was remembered of a log under the same name says nothing about the next one.
    @Test func checkpointsOfADeletedLogAreForgotten() throws {
        let opened = try store()
        let log = try filled(opened)
        _ = try log.deleteRecords(before: 3)
        try opened.writeLogStartOffsets()
        try opened.writeHighWatermarks()
        try opened.delete(MoveRun.partition, uniqueID: KafkaUUID(high: 6, low: 6), at: moment())
        let next = try opened.create(
            MoveRun.partition, topicID: KafkaUUID(high: 8, low: 8), settings: MoveRun.settings, at: moment())
        try next.append(batch(["z"]))
        // Killed.
        let again = try #require(try store().log(of: MoveRun.partition))
        #expect(again.logStartOffset == 0 && again.logEndOffset == 1 && again.highWatermark == 0)
        #expect(try again.values(from: 0).map(\.value) == ["z"])
    }
}
