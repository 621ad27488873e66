import NIOCore
import Seams
import Simulation
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// A log on a disk that is full.
@Suite struct RoomTests {
    private let disk = SimulatedDisk()
    private var settings = StorageSettings(snapshotDirectory: "/d", logDirectory: "/l")

    init() throws {
        settings.allocationSizeInBytes = 8000
        settings.logFileSizeInBytes = 20_000
        try storage.prepare()
    }

    private var storage: CoordinatorStorage { CoordinatorStorage(fileSystem: disk, settings: settings) }

    private func entry(_ zxid: Int64, size: Int = 100) -> LogEntry {
        LogEntry(zxid: zxid, record: ByteBuffer(repeating: UInt8(truncatingIfNeeded: zxid), count: size))
    }

    /// Appends, unless there is no room.
    private func fits(_ entries: [LogEntry], into log: inout TransactionLog) throws -> Bool {
        do {
            try log.append(entries)
        } catch {
            guard case .noRoom = error else { throw error }
            return false
        }
        return true
    }

    @Test func whatFitsIsWrittenAndTheRestLater() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1)])
        disk.limitCapacity(to: 0)
        var zxid: Int64 = 1
        while !log.isShortOfRoom {
            zxid += 1
            try log.append([entry(zxid)])
        }
        // There is a margin: some more fit.
        let whenShort = zxid
        while try fits([entry(zxid + 1)], into: &log) { zxid += 1 }
        #expect(zxid - whenShort >= 5)
        #expect(log.lastZxid == zxid)
        #expect(!log.hasFailed)
        try log.lookForRoom()
        #expect(log.isShortOfRoom)
        disk.limitCapacity(to: .max)
        try log.lookForRoom()
        #expect(!log.isShortOfRoom)
        try log.append([entry(zxid + 1)])
        let recovery = try storage.recover { Notebook() }
        #expect(recovery.lastZxid == zxid + 1)
        #expect(recovery.replayedCount == Int(zxid) + 1)
        #expect(recovery.warnings.isEmpty)
    }

    @Test func aDiskThatIsFullFromTheStartIsKnownBeforeAnythingIsAppended() throws {
        var log = try storage.recover { Notebook() }.log
        disk.limitCapacity(to: 0)
        try log.lookForRoom()
        #expect(log.isShortOfRoom)
        #expect(try !fits([entry(1)], into: &log))
        #expect(try disk.list("/l").isEmpty)
        #expect(try storage.recover { Notebook() }.lastZxid == 0)
        disk.limitCapacity(to: .max)
        try log.lookForRoom()
        #expect(!log.isShortOfRoom)
        try log.append([entry(1)])
        #expect(try storage.recover { Notebook() }.lastZxid == 1)
    }

    @Test func withoutRoomForAnotherFileTheOneThereGoesOn() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1)])
        disk.limitCapacity(to: 0)
        log.roll()
        try log.append([entry(2)])
        #expect(!log.isShortOfRoom)
        #expect(try disk.list("/l") == ["log.0000000000000001"])
        disk.limitCapacity(to: .max)
        var zxid: Int64 = 2
        while try disk.list("/l").count == 1 {
            zxid += 1
            try log.append([entry(zxid)])
        }
        #expect(zxid < 100)
        #expect(try storage.recover { Notebook() }.replayedCount == Int(zxid))
    }

    @Test func aBatchThatIsLargerThanTheRoomFindsItsOwn() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1)])
        try log.append([entry(2, size: 50_000)])
        disk.limitCapacity(to: 0)
        #expect(try !fits([entry(3, size: 50_000)], into: &log))
        try log.append([entry(3)])
        #expect(try storage.recover { Notebook() }.lastZxid == 3)
    }

    @Test func aFileThatMayNotGrowIsFollowedByAnother() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1)])
        disk.limitFiles(to: 12_000)
        var zxid: Int64 = 1
        while try disk.list("/l").count == 1 {
            zxid += 1
            try log.append([entry(zxid)])
            #expect(!log.isShortOfRoom)
            try #require(zxid < 300)
        }
        #expect(try storage.recover { Notebook() }.lastZxid == zxid)
    }

    @Test func aSyncThatFailsForLackOfRoomUnderABatchIsAFailure() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1)])
        disk.inject(.init(.synchronize, suffix: "log.0000000000000001", code: 28))
        #expect {
            try log.append([entry(2)])
        } throws: { error in
            if case .disk? = error as? StorageFailure { true } else { false }
        }
        #expect(log.hasFailed)
    }

    /// How many of nine changes a power cut takes; all when what it leaves is taken for damaged.
    private func lost(syncsLog: Bool, seed: UInt64) throws -> Int {
        let disk = SimulatedDisk(seed: seed)
        var settings = settings
        settings.syncsLog = syncsLog
        let storage = CoordinatorStorage(fileSystem: disk, settings: settings)
        try storage.prepare()
        var log = try storage.recover { Notebook() }.log
        for zxid: Int64 in 1...9 { try log.append([entry(zxid)]) }
        disk.crash()
        do {
            return 9 - Int(try storage.recover { Notebook() }.lastZxid)
        } catch StorageFailure.damaged {
            return 9
        }
    }

    @Test func aPowerCutTakesOnlyWhatWasNotToBeSynced() throws {
        #expect(try (1...20).allSatisfy { try lost(syncsLog: true, seed: $0) == 0 })
        #expect(try (1...20).contains { try lost(syncsLog: false, seed: $0) > 0 })
    }

    @Test func aSnapshotWithoutRoomLeavesNothing() throws {
        disk.limitCapacity(to: 100)
        #expect(throws: StorageFailure.self) {
            var writer = try SnapshotWriter(disk, settings, zxid: 9)
            while true { try writer.append(ByteBuffer(repeating: 1, count: 30)) }
        }
        #expect(try disk.list("/d").isEmpty)
    }

    /// The disk fills up and is emptied, and the process ends, again and again.
    @Test(arguments: 1...200) func aFullDiskLosesNothing(_ seed: UInt64) throws {
        let disk = SimulatedDisk(seed: seed)
        let storage = CoordinatorStorage(fileSystem: disk, settings: settings)
        try storage.prepare()
        var random = SeededRandom(seed: seed)
        var acknowledged: Int64 = 0
        for _ in 0..<6 {
            let recovery = try storage.recover { Notebook() }
            #expect(recovery.lastZxid >= acknowledged)
            #expect(recovery.state.records.count == Int(recovery.lastZxid))
            acknowledged = recovery.lastZxid
            var log = recovery.log
            disk.stop(afterChanges: Int.random(in: 0...80, using: &random))
            do {
                try log.lookForRoom()
                while true {
                    if Int.random(in: 0..<10, using: &random) == 0 {
                        let free = Bool.random(using: &random) ? 1 << 40 : Int.random(in: 0...30_000, using: &random)
                        disk.limitCapacity(to: disk.sizeInBytes + free)
                    }
                    if Int.random(in: 0..<12, using: &random) == 0 { log.roll() }
                    if log.isShortOfRoom { try log.lookForRoom() }
                    let count = Int64.random(in: 1...8, using: &random)
                    if try fits((1...count).map({ entry(acknowledged + $0, size: 300) }), into: &log) {
                        acknowledged += count
                    } else {
                        #expect(log.isShortOfRoom)
                    }
                }
            } catch StorageFailure.disk {
                disk.limitCapacity(to: .max)
                if Bool.random(using: &random) { disk.crash() } else { disk.endStop() }
            }
        }
    }
}

/// A kernel whose disk is full.
@Suite struct WithoutRoomTests {
    @Test func changesAreRefusedAndReadsGoOn() throws {
        var harness = KernelHarness()
        _ = try harness.open(1)
        #expect(try harness.create(1, "/a") == .ok)
        harness.step(.spaceRanOut)
        #expect(try harness.create(1, "/b") == .operationTimeout)
        harness.ask(1, .multi([]))
        #expect(try harness.reply(1, to: .multi).header.error == .operationTimeout)
        harness.ask(1, .setACL(path: "/a", acl: ACL.open, version: -1))
        #expect(try harness.reply(1, to: .setACL).header.error == .operationTimeout)
        harness.ask(1, .exists(path: "/a", watch: false))
        #expect(try harness.reply(1, to: .exists).header.error == .ok)
        harness.ask(1, .ping)
        #expect(try harness.reply(1, to: .ping).header.error == .ok)
        harness.step(.spaceCameBack)
        #expect(try harness.create(1, "/b") == .ok)
    }

    @Test func newSessionsAreSentAway() throws {
        var harness = KernelHarness()
        harness.step(.spaceRanOut)
        harness.arrive(1)
        var writer = WireWriter()
        ConnectRequest(timeout: 10_000).write(to: &writer)
        harness.send(1, writer.buffer())
        #expect(harness.ended[1] == "")
        #expect(harness.sent[1] == nil)
        #expect(harness.appended.isEmpty)
    }

    @Test func sessionsOutliveTheirDeadlineUntilThereIsRoom() throws {
        var harness = KernelHarness()
        let opened = try harness.open(1)
        harness.step(.spaceRanOut)
        harness.now = harness.now + .seconds(60)
        harness.step(.ticked)
        #expect(harness.ended[1] == nil)
        // The client comes back in time, on another connection.
        harness.arrive(2)
        var request = ConnectRequest(timeout: 10_000)
        request.sessionID = opened.sessionID
        request.password = opened.password
        #expect(try harness.connect(2, request).sessionID == opened.sessionID)
        harness.step(.spaceCameBack)
        harness.step(.ticked)
        #expect(harness.ended[2] == nil)
        harness.now = harness.now + .seconds(60)
        harness.step(.ticked)
        #expect(harness.ended[2] == "")
    }

    @Test(arguments: [false, true]) func closingWaits(_ clientGoes: Bool) throws {
        var harness = KernelHarness()
        _ = try harness.open(1)
        _ = try harness.open(2)
        #expect(try harness.create(1, "/e", .ephemeral) == .ok)
        harness.step(.spaceRanOut)
        harness.ask(1, .closeSession)
        #expect(harness.ended[1] == nil)
        harness.ask(1, .ping)
        #expect(harness.sent[1]?.isEmpty == true)
        if clientGoes { harness.step(.disconnected(ConnectionID(1))) }
        harness.step(.spaceCameBack)
        if !clientGoes {
            #expect(try harness.reply(1, to: .closeSession).header.error == .ok)
            #expect(harness.ended[1] == "")
        }
        harness.ask(2, .exists(path: "/e", watch: false))
        #expect(try harness.reply(2, to: .exists).header.error == .noNode)
    }
}
