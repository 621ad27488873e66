import ClusterModel
import SegmentedLog
import Simulation
import Testing

/// Whether a directory knows that nothing written to it is lost.
@Suite struct BootMarkTests {
    let disk = SimulatedDisk(seed: 9)
    let orders = TopicPartition(topic: "orders", partition: 0)
    let id = KafkaUUID(high: 7, low: 8)

    func opened(in boot: String) throws -> LogDirectory {
        try disk.synchronizeDirectory("/")
        let owner = LogDirectory.Owner(
            brokerID: BrokerID(1), clusterID: "c", newDirectoryID: id, boot: Array(boot.utf8))
        return try LogDirectory("/data", fileSystem: disk, owner: owner, at: moment()) { _ in LogSettings() }
    }

    func wholeLogs(in boot: String) throws -> Set<TopicPartition> { LogStore([try opened(in: boot)]).wholeLogs }

    /// A directory with a log of one batch, in use in a boot.
    func used(in boot: String) throws -> LogDirectory {
        let directory = try opened(in: boot)
        try directory.create(orders, topicID: id, settings: LogSettings(), at: moment()).append(batch(["a"]))
        try directory.bootMark.write()
        return directory
    }

    @Test func aProcessThatWasKilledLosesNothing() throws {
        _ = try used(in: "A")
        #expect(try wholeLogs(in: "A") == [orders])
    }

    @Test func anotherBootMayHaveLostSomething() throws {
        _ = try used(in: "A")
        disk.crash()
        #expect(try wholeLogs(in: "B") == [])
    }

    @Test func aClosedDirectoryIsWholeInEveryBootAndBearsNoMark() throws {
        try used(in: "A").close(at: moment())
        disk.crash()
        #expect(try !disk.list("/data").contains { $0.contains("boot") })
        #expect(try wholeLogs(in: "B") == [orders])
    }

    @Test("Who opened it and died before the cluster knew what is here leaves the doubt to the next")
    func theMarkGoesWhenItIsOpened() throws {
        _ = try used(in: "A")
        _ = try opened(in: "A")
        #expect(try wholeLogs(in: "A") == [])
    }

    @Test func aMachineThatTellsNoBootIsNotTrusted() throws {
        _ = try used(in: "")
        #expect(try wholeLogs(in: "") == [])
    }

    @Test func aLogThatWasCutIsNotWholeAndTheOthersAre() throws {
        let other = TopicPartition(topic: "orders", partition: 1)
        let directory = try used(in: "A")
        _ = try directory.create(other, topicID: id, settings: LogSettings(), at: moment())
        disk.rot("/data/orders-0/00000000000000000000.log", at: 65)
        #expect(try wholeLogs(in: "A") == [other])
    }

    @Test func aLogThatIsGoneIsNotWhole() throws {
        _ = try used(in: "A")
        for name in try disk.list("/data/orders-0") { try disk.remove("/data/orders-0/" + name) }
        try disk.remove("/data/orders-0")
        #expect(try wholeLogs(in: "A") == [])
    }
}
