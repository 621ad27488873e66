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
}
