import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog
import Simulation
import Testing

@Suite struct LogStoreTests {
    private let disk = SimulatedDisk()
    private let first = TopicPartition(topic: "t.x", partition: 0)
    private let second = TopicPartition(topic: "t.x", partition: 1)

    private func owner(_ directory: UInt64) -> LogDirectory.Owner {
        LogDirectory.Owner(
            brokerID: BrokerID(1), clusterID: "c", newDirectoryID: KafkaUUID(high: 1, low: directory))
    }

    private func store(_ paths: [String] = ["/a", "/b"], at now: Instant = moment()) throws -> LogStore {
        let owners = Dictionary(
            uniqueKeysWithValues: paths.enumerated().map { ($0.element, owner(UInt64($0.offset) + 1)) })
        return try LogStore(paths, fileSystem: disk, owners: owners, at: now) { _ in settings() }
    }

    private func filled(_ store: LogStore, _ partition: TopicPartition) throws -> PartitionLog {
        let log = try store.create(partition, topicID: nil, settings: settings(), at: moment())
        try log.append(batch(["a", "b"]))
        try log.append(batch(["c"]))
        return log
    }

    @Test func newPartitionsGoWhereTheFewestAre() throws {
        let store = try store()
        for partition in 0..<5 {
            _ = try store.create(
                TopicPartition(topic: "t", partition: Int32(partition)), topicID: nil, settings: settings(),
                at: moment())
        }
        #expect(store.directories.map(\.logs.count) == [3, 2])
        #expect(
            store.directories.map(\.metaProperties.directoryID) == [
                KafkaUUID(high: 1, low: 1), KafkaUUID(high: 1, low: 2),
            ])
        try store.close(at: moment())
        let again = try self.store()
        #expect(again.logs.count == 5 && again.directories.map(\.logs.count) == [3, 2])
    }

    @Test func unsoundFilesOfOnePartitionLeaveTheOthersAlone() throws {
        let opened = try store(["/a"])
        _ = try filled(opened, first)
        _ = try filled(opened, second)
        try opened.close(at: moment())
        disk.rot("/a/t.x-0/leader-epoch-checkpoint", at: 0)
        let again = try store(["/a"])
        #expect(Array(again.logs.keys) == [second])
        #expect(again.isUnusable(first) && !again.isUnusable(second))
        #expect(again.reports.count == 1)
        // The next start knows it still, and what was in the directory is there.
        try again.close(at: moment())
        let third = try store(["/a"])
        #expect(third.isUnusable(first) && third.reports.isEmpty)
        let kept = try disk.list("/a").filter { $0.hasSuffix("-quarantined") }
        #expect(kept.count == 1)
        #expect(try disk.list("/a/\(kept[0])").contains("00000000000000000000.log"))
        // Until a new log is begun.
        _ = try third.create(first, topicID: nil, settings: settings(), at: moment())
        #expect(!third.isUnusable(first))
        try third.close(at: moment())
        #expect(try !store(["/a"]).isUnusable(first))
    }

    @Test func whatWasSyncedAndIsUnsoundIsNotCut() throws {
        let opened = try store(["/a"])
        _ = try filled(opened, first)
        try opened.close(at: moment())
        disk.rot("/a/t.x-0/00000000000000000000.log", at: 70)
        try disk.remove("/a/t.x-0/00000000000000000000.index")
        let again = try store(["/a"])
        #expect(again.isUnusable(first) && again.log(of: first) == nil)
    }

    @Test func aFileInAPartitionsPlaceIsPutAside() throws {
        try disk.createDirectory("/a")
        _ = try disk.open("/a/t.x-0", .createNew)
        let store = try store(["/a"])
        #expect(store.isUnusable(first) && store.logs.isEmpty)
    }

    @Test func theLongerOfTwoLogsIsServed() throws {
        for path in ["/a", "/b"] {
            let one = try store([path])
            let log = try filled(one, first)
            if path == "/b" { try log.append(batch(["more"])) }
            try one.close(at: moment())
        }
        let store = try store()
        #expect(store.log(of: first)?.logEndOffset == 4 && !store.isUnusable(first))
        #expect(store.reports.count == 1)
    }

    @Test(
        "A directory that comes back may hold logs of topics that were deleted since, or of replicas that moved away and back"
    )
    func theLogThatWasBegunLastIsServed() throws {
        let ids = [KafkaUUID(high: 5, low: 1), KafkaUUID(high: 5, low: 2)]
        for (number, path) in ["/b", "/a"].enumerated() {
            disk.setTime(unixMilliseconds: moment(Int64(number) * 1000).unixMilliseconds)
            let one = try store([path])
            let log = try one.create(first, topicID: ids[number], settings: settings(), at: moment())
            for _ in 0..<(2 - number) { try log.append(batch(["a", "b"])) }
            disk.setTime(unixMilliseconds: moment(5000 - Int64(number)).unixMilliseconds)
            try one.close(at: moment())
        }
        let store = try store()
        #expect(store.topicID(of: first) == ids[1] && store.log(of: first)?.logEndOffset == 2)
        #expect(store.reports.count == 1)
    }

    /// A partition is in one directory; that one is out, and so it is begun anew in the other; then the other one is out.
    @Test func anOldLogIsNotWholeWhileTheDirectoryOfANewerOneIsOut() throws {
        let alone = try store(["/a"])
        _ = try filled(alone, first)
        try alone.close(at: moment())
        let opened = try store(["/a"])
        #expect(opened.wholeLogs == [first])
        try opened.close(at: moment())
        disk.setTime(unixMilliseconds: moment(1000).unixMilliseconds)
        let newer = try store(["/b"])
        try filled(newer, first).append(batch(["more"]))
        try newer.close(at: moment())

        disk.inject(.init(.list, suffix: "/b"))
        let old = try store()
        #expect(old.log(of: first)?.logEndOffset == 3 && old.wholeLogs.isEmpty)
        try old.log(of: first)?.append(batch(["what", "the", "newer", "one", "lacks"]))
        try old.close(at: moment())

        // Both are back, and it cannot be told which of them has all.
        let both = try store()
        #expect(both.logs.count == 1 && both.wholeLogs.isEmpty)
        try both.close(at: moment())
        #expect(try store().wholeLogs == [first])
    }

    @Test func aFailedDirectoryTakesItsPartitionsOnly() throws {
        let opened = try store()
        _ = try filled(opened, first)
        let kept = try filled(opened, second)
        disk.inject(.init(.synchronize, suffix: ".log"))
        let failure = #expect(throws: LogFailure.self) { try opened.log(of: first)?.flush(at: moment()) }
        let gone = opened.fail(try #require(failure))
        #expect(gone?.partitions == [first] && gone?.path == "/a")
        #expect(opened.logs.keys.sorted() == [second] && opened.failures.map(\.path) == ["/a"])
        try kept.append(batch(["d"]))
        try opened.close(at: moment())
        // A directory that cannot be opened is left out, while another can be used.
        disk.inject(.init(.list, suffix: "/a"))
        let again = try store()
        #expect(again.directories.map(\.path) == ["/b"] && again.failures.map(\.path) == ["/a"])
        for suffix in ["/a", "/b"] { disk.inject(.init(.list, suffix: suffix)) }
        #expect(throws: LogDirectoryFailure.self) { try store() }
    }
}
