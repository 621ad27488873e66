import NIOCore
import Seams
import Simulation
import Testing

@testable import CoordinatorKernel

@Suite struct SnapshotReceiverTests {
    private let disk = SimulatedDisk()
    private var settings = StorageSettings(snapshotDirectory: "/d", logDirectory: "/l")

    init() throws {
        settings.allocationSizeInBytes = 4096
        settings.logFileSizeInBytes = 3000
        try storage.prepare()
    }

    private var storage: CoordinatorStorage { CoordinatorStorage(fileSystem: disk, settings: settings) }

    private func notebook(_ zxids: some Sequence<Int64>, _ author: String) -> Notebook {
        Notebook(
            records: Dictionary(
                uniqueKeysWithValues: zxids.map { ($0, ByteBuffer(string: "\(author)'s change of zxid \($0)")) }))
    }

    private func entries(_ notebook: Notebook) -> [LogEntry] {
        notebook.records.sorted { $0.key < $1.key }.map { LogEntry(zxid: $0.key, record: $0.value) }
    }

    @Test func itTakesThePlaceOfEverything() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append(entries(notebook([1, 2, 900], "mine")))
        var old = try SnapshotWriter(disk, settings, zxid: 2)
        try old.append(notebook([1, 2], "mine").chunk)
        try old.finish()
        let theirs = notebook([1, 2, 50], "theirs")
        var receiver = try SnapshotReceiver(disk, settings, zxid: 50)
        try receiver.append(theirs.chunk)
        try receiver.append(ByteBuffer())
        #expect(try receiver.load(into: Notebook()) == theirs)
        try receiver.install(replacing: &log)
        #expect(try disk.list("/d") == ["snapshot.0000000000000032"])
        #expect(try disk.list("/l").isEmpty)
        #expect(log.lastZxid == 50)
        try log.append([LogEntry(zxid: 51, record: ByteBuffer(string: "next"))])
        let recovery = try storage.recover { Notebook() }
        #expect(recovery.snapshotZxid == 50)
        #expect(recovery.lastZxid == 51)
        #expect(recovery.state.records.keys.sorted() == [1, 2, 50, 51])
    }

    @Test func whatMakesNoStateChangesNothing() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append(entries(notebook([1, 2], "mine")))
        var receiver = try SnapshotReceiver(disk, settings, zxid: 50)
        try receiver.append(ByteBuffer(string: "no notebook"))
        #expect {
            _ = try receiver.load(into: Notebook())
        } throws: { error in
            "\(error)".hasPrefix("the snapshot of zxid 0x32 that the leader sent cannot be used: a chunk")
        }
        #expect(try disk.list("/d").isEmpty)
        #expect(!log.hasFailed)
        try log.append(entries(notebook([3], "mine")))
        #expect(try storage.recover { Notebook() }.state == notebook(1...3, "mine"))
    }

    @Test func whatIsNotFinishedLeavesNoTrace() throws {
        var discarded = try SnapshotReceiver(disk, settings, zxid: 50)
        try discarded.append(notebook([50], "theirs").chunk)
        try discarded.discard()
        #expect(try disk.list("/d").isEmpty)
        var interrupted = try SnapshotReceiver(disk, settings, zxid: 51)
        try interrupted.append(notebook([51], "theirs").chunk)
        #expect(try storage.recover { Notebook() }.lastZxid == 0)
        #expect(try disk.list("/d").isEmpty)
    }

    @Test func aFullDiskLeavesNoTraceEither() throws {
        disk.limitCapacity(to: 100)
        #expect(throws: StorageFailure.self) {
            var receiver = try SnapshotReceiver(disk, settings, zxid: 50)
            while true { try receiver.append(notebook([50], "theirs").chunk) }
        }
        #expect(try disk.list("/d").isEmpty)
    }

    /// Ends at every moment: what comes back is the old state or the new one.
    @Test(arguments: 0...60) func eitherTheOldStateOrTheNew(_ changes: Int) throws {
        for seed: UInt64 in 1...8 {
            let disk = SimulatedDisk(seed: seed)
            let storage = CoordinatorStorage(fileSystem: disk, settings: settings)
            try storage.prepare()
            var log = try storage.recover { Notebook() }.log
            // Some of mine lie above what the leader sends: they are another leader's, and void.
            let mine = notebook(Array(1...20) + Array(900...960), "mine")
            for entry in entries(mine) { try log.append([entry]) }
            var old = try SnapshotWriter(disk, settings, zxid: 10)
            try old.append(notebook(1...10, "mine").chunk)
            try old.finish()
            let theirs = notebook(1...50, "theirs")
            disk.stop(afterChanges: changes)
            do {
                var receiver = try SnapshotReceiver(disk, settings, zxid: 50)
                try receiver.append(theirs.chunk)
                #expect(try receiver.load(into: Notebook()) == theirs)
                try receiver.install(replacing: &log)
                disk.endStop()
                #expect(try storage.recover { Notebook() }.state == theirs)
            } catch StorageFailure.disk {
                if seed % 2 == 0 { disk.crash() } else { disk.endStop() }
                let recovery = try storage.recover { Notebook() }
                let isOld = recovery.state.records[1] == mine.records[1]
                #expect(recovery.state == (isOld ? mine : theirs))
                #expect(recovery.lastZxid == (isOld ? 960 : 50))
                #expect(try disk.list("/d").count == 1)
                log = recovery.log
                try log.append([LogEntry(zxid: 1000, record: ByteBuffer(string: "next"))])
                #expect(try storage.recover { Notebook() }.lastZxid == 1000)
            }
        }
    }
}
