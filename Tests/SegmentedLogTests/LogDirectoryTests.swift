import ClusterModel
import SegmentedLog
import Simulation
import Testing

@Suite struct LogDirectoryTests {
    let disk = SimulatedDisk(seed: 5)
    let orders = TopicPartition(topic: "orders", partition: 3)
    let id = KafkaUUID(high: 7, low: 8)

    func directory(broker: Int32 = 1, cluster: String = "c") throws -> LogDirectory {
        try disk.synchronizeDirectory("/")
        let owner = LogDirectory.Owner(brokerID: BrokerID(broker), clusterID: cluster, newDirectoryID: id)
        return try LogDirectory("/data", fileSystem: disk, owner: owner, at: moment()) { _ in LogSettings() }
    }

    @Test func logsAndIDsComeBackAfterClosing() throws {
        let first = try directory()
        #expect(!first.wasClosed && first.metaProperties.directoryID == id)
        let log = try first.create(orders, topicID: id, settings: LogSettings(), at: moment())
        try log.append(batch(["a", "b", "c"]))
        log.advanceHighWatermark(to: 2)
        #expect(try log.deleteRecords(before: 1))
        try first.close(at: moment())
        let second = try directory()
        #expect(second.wasClosed && second.topicIDs == [orders: id])
        let again = try #require(second.logs[orders])
        #expect(again.logStartOffset == 1 && again.highWatermark == 2 && again.logEndOffset == 3)
        #expect(again.recoveryPoint == 3 && again.recovery == RecoveryReport())
        #expect(try !directory().wasClosed)
    }

    @Test func whatWasCreatedAndSyncedSurvivesACrash() throws {
        let first = try directory()
        try disk.synchronizeDirectory("/")
        let log = try first.create(orders, topicID: id, settings: LogSettings(), at: moment())
        try log.append(batch(["a"]))
        try log.flush(at: moment())
        try log.append(batch(["b"]))
        disk.crash()
        let second = try directory()
        #expect(second.topicIDs == [orders: id] && !second.wasClosed)
        #expect(try second.logs[orders]?.firstValue(from: 0) == "a")
    }

    @Test func deletedPartitionsGoAtOnceAndTheirFilesLater() throws {
        let data = try directory()
        let log = try data.create(orders, topicID: id, settings: LogSettings(), at: moment())
        try log.append(batch(["a"]))
        try data.delete(orders, uniqueID: id, at: moment())
        #expect(data.logs.isEmpty && data.topicIDs.isEmpty)
        let fresh = try data.create(orders, topicID: nil, settings: LogSettings(), at: moment())
        #expect(fresh.logEndOffset == 0)
        try data.removeDeletedFiles(at: moment(59_999))
        #expect(try disk.list("/data").contains { $0.hasSuffix("-delete") })
        try data.removeDeletedFiles(at: moment(60_000))
        #expect(try !disk.list("/data").contains { $0.hasSuffix("-delete") })
        #expect(try disk.list("/data").contains("orders-3"))
    }

    @Test func directoriesOfOthersAreLeftAlone() throws {
        try directory().close(at: moment())
        let changes = disk.changeCount
        #expect {
            _ = try directory(broker: 2)
        } throws: { error in
            "\(error)" == "/data belongs to broker 1, this is broker 2 (InconsistentBrokerId)"
        }
        #expect {
            _ = try directory(cluster: "other")
        } throws: { error in
            "\(error)"
                == "/data belongs to cluster c, this broker to cluster other (InconsistentClusterId): zookeeper.connect may be wrong"
        }
        // The two syncs are the test's own.
        #expect(disk.changeCount == changes + 2)
    }

    @Test func aPropertiesFileThatMakesNoSenseIsNamed() throws {
        try disk.createDirectory("/data")
        let file = try disk.open("/data/meta.properties", .createNew)
        try Array("version=9\n".utf8).withUnsafeBytes { try file.write($0, at: 0) }
        #expect(throws: LogDirectoryFailure.unusableMetaProperties("version 9 is not 0")) { try directory() }
    }

    @Test func aCheckpointThatMakesNoSenseIsNamed() throws {
        try directory().close(at: moment())
        let file = try disk.open("/data/recovery-point-offset-checkpoint", .readWrite)
        try Array("0\n2\n".utf8).withUnsafeBytes { try file.write($0, at: 0) }
        // It is no reason not to start: all is read again.
        let again = try directory()
        #expect(again.reports.count == 1)
        #expect(again.reports.first?.contains("recovery-point-offset-checkpoint") == true)
    }

    // MARK: - Many logs

    private func partitions(_ count: Int32) -> [TopicPartition] {
        (0..<count).map { TopicPartition(topic: "many", partition: $0) }
    }

    private func new(_ count: Int32) -> [NewLog] {
        partitions(count).map { NewLog($0, topicID: id, settings: LogSettings()) }
    }

    /// A broker that was killed finds all its logs with ends that are not synced, and has to open them all.
    @Test func logsHoldNoFilesAfterTheyWereBegunOrRecovered() throws {
        let first = try directory()
        try first.create(new(20), at: moment())
        #expect(disk.openFileCount == 0)
        for (_, log) in first.logs { try log.append(batch(["a"])) }
        #expect(disk.openFileCount == 20)
        for (_, log) in first.logs { log.letGoOfFiles() }
        #expect(disk.openFileCount == 20, "what was written and not synced stays open")
        let second = try withExtendedLifetime(first) { try directory() }
        #expect(disk.openFileCount == 20)
        for (_, log) in second.logs {
            #expect(log.logEndOffset == 1 && log.recoveryPoint == 0)
            try log.flush(at: moment())
            log.letGoOfFiles()
        }
        #expect(disk.openFileCount == 20)
        disk.crash()
        let third = try directory()
        for (_, log) in third.logs { #expect(try log.firstValue(from: 0) == "a") }
        #expect(third.logs.count == 20)
    }

    @Test func logsThatNeverHadARecordCostTwoSyncsAtTheirBeginningAndNoneAtTheirEnd() throws {
        let data = try directory()
        var before = disk.syncCount
        try data.create(new(1000), at: moment())
        #expect(disk.syncCount - before <= 2 * 1000 + 4)
        before = disk.syncCount
        try data.close(at: moment())
        #expect(disk.syncCount - before < 20)
        let again = try directory()
        #expect(again.wasClosed && again.logs.count == 1000)
        before = disk.syncCount
        try again.close(at: moment())
        #expect(disk.syncCount - before < 20)
    }

    @Test func aLogThatIsClosedAsItWasOpenedIsNotSynced() throws {
        let first = try directory()
        try first.create(new(30), at: moment())
        var before = disk.syncCount
        for (_, log) in first.logs { try log.append(batch(["a"], producer: 5, epoch: 0, sequence: 0), epoch: 3) }
        #expect(disk.syncCount == before, "a new epoch waits for no disk")
        before = disk.syncCount
        try first.close(at: moment())
        // The log, its snapshot, its epochs, the two indexes and their directory.
        #expect(disk.syncCount - before < 30 * 6 + 20)
        #expect(disk.openFileCount == 0)
        try disk.synchronizeDirectory("/")
        disk.crash()
        let second = try directory()
        #expect(second.wasClosed)
        before = disk.syncCount
        try second.close(at: moment())
        #expect(disk.syncCount - before < 20)
        let third = try directory()
        for (_, log) in third.logs {
            #expect(try log.firstValue(from: 0) == "a")
            #expect(log.activeProducers.map(\.producerID) == [5] && log.recovery == RecoveryReport())
            #expect(log.leaderEpochs.entries == [.init(epoch: 3, startOffset: 0)])
        }
    }

    @Test(arguments: UInt64(0)..<40) func aPowerCutWhileLogsBeginLeavesNothingUnsound(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let disk = SimulatedDisk(seed: seed)
        func directory() throws -> LogDirectory {
            let owner = LogDirectory.Owner(brokerID: BrokerID(1), clusterID: "c", newDirectoryID: id)
            return try LogDirectory("/data", fileSystem: disk, owner: owner, at: moment()) { _ in LogSettings() }
        }
        let first = try directory()
        try disk.synchronizeDirectory("/")
        disk.stop(afterChanges: Int.random(in: 0..<140, using: &random))
        var failure: LogFailure?
        do throws(LogFailure) { try first.create(new(8), at: moment()) } catch { failure = error }
        if Bool.random(using: &random) { disk.crash() } else { disk.endStop() }
        let second = try directory()
        #expect(second.reports.isEmpty)
        if failure == nil { #expect(second.topicIDs.count == 8) }
        // What another process left half made is made whole, at the latest by the next.
        try LogStore([second]).create(new(8), at: moment())
        disk.crash()
        let third = try directory()
        #expect(third.reports.isEmpty && third.logs.count == 8)
        try LogStore([third]).create(new(8), at: moment())
        disk.crash()
        #expect(try directory().topicIDs == Dictionary(uniqueKeysWithValues: partitions(8).map { ($0, id) }))
    }

    @Test func aPartitionThatCannotBeginDoesNotKeepOthersFromTheirLogs() throws {
        let data = try directory()
        try disk.createDirectory("/data/many-3")
        let file = try disk.open("/data/many-3/leader-epoch-checkpoint", .createNew)
        try Array("nonsense".utf8).withUnsafeBytes { try file.write($0, at: 0) }
        #expect(throws: LogFailure.self) { try data.create(new(8), at: moment()) }
        #expect(data.logs.count == 7 && data.logs[TopicPartition(topic: "many", partition: 3)] == nil)
    }
}
