import NIOCore
import Seams
import Simulation
import Testing
import WireCoding

@testable import CoordinatorKernel

/// A state that remembers what it was built from.
struct Notebook: Restorable, Equatable {
    var records: [Int64: ByteBuffer] = [:]

    mutating func load(_ chunk: ByteBuffer) throws(MalformedInput) {
        for entry in try LogBatch.entries(of: chunk) { records[entry.zxid] = entry.record }
    }

    mutating func finishLoading() throws(MalformedInput) {}

    mutating func replay(_ entry: LogEntry) throws(MalformedInput) { records[entry.zxid] = entry.record }

    /// As one chunk.
    var chunk: ByteBuffer {
        var chunk = ByteBuffer()
        for (zxid, record) in records.sorted(by: { $0.key < $1.key }) {
            chunk.writeInteger(zxid)
            chunk.writeInteger(UInt32(record.readableBytes))
            chunk.writeImmutableBuffer(record)
        }
        return chunk
    }
}

@Suite struct StorageTests {
    private let disk = SimulatedDisk()
    private var settings = StorageSettings(snapshotDirectory: "/d", logDirectory: "/l")

    init() throws {
        settings.allocationSizeInBytes = 4096
        settings.logFileSizeInBytes = 3000
        settings.retainedSnapshotCount = 2
        try storage.prepare()
    }

    private var storage: CoordinatorStorage { CoordinatorStorage(fileSystem: disk, settings: settings) }

    private func bytes(_ path: String) throws -> ByteBuffer {
        let file = try disk.open(path, .read)
        return try file.bytes(at: 0, count: file.size())
    }

    private func entry(_ zxid: Int64, size: Int = 100) -> LogEntry {
        LogEntry(zxid: zxid, record: ByteBuffer(repeating: UInt8(truncatingIfNeeded: zxid), count: size))
    }

    private func notebook(_ zxids: some Sequence<Int64>, size: Int = 100) -> Notebook {
        Notebook(records: Dictionary(uniqueKeysWithValues: zxids.map { ($0, entry($0, size: size).record) }))
    }

    /// Appends one batch for each zxid.
    private func fill(_ zxids: ClosedRange<Int64>) throws {
        var log = try storage.recover { Notebook() }.log
        for zxid in zxids { try log.append([entry(zxid)]) }
    }

    private func snapshot(_ notebook: Notebook, zxid: Int64, on disk: SimulatedDisk? = nil) throws {
        var writer = try SnapshotWriter(disk ?? self.disk, settings, zxid: zxid)
        try writer.append(notebook.chunk)
        try writer.finish()
    }

    @Test func whatIsAppendedComesBack() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1), entry(2, size: 0), entry(5, size: 5000)])
        try log.append([entry(6)])
        let recovery = try storage.recover { Notebook() }
        var expected = notebook([1, 6])
        expected.records[2] = entry(2, size: 0).record
        expected.records[5] = entry(5, size: 5000).record
        #expect(recovery.state == expected)
        #expect(recovery.lastZxid == 6)
        #expect(recovery.warnings.isEmpty)
    }

    @Test func filesFollowEachOther() throws {
        try fill(1...100)
        #expect(try disk.list("/l").count > 3)
        #expect(try storage.recover { Notebook() }.state == notebook(1...100))
    }

    @Test func aSnapshotStandsForTheLogBefore() throws {
        try fill(1...60)
        try snapshot(notebook(1...50), zxid: 50)
        let recovery = try storage.recover { Notebook() }
        #expect(recovery.state == notebook(1...60))
        #expect(recovery.snapshotZxid == 50)
        #expect(recovery.replayedCount == 10)
    }

    @Test func purgingKeepsWhatRecoveryNeeds() throws {
        try fill(1...100)
        for zxid: Int64 in [30, 60, 80] { try snapshot(notebook(1...zxid), zxid: zxid) }
        let before = try disk.list("/l").count
        try storage.purge()
        #expect(
            try disk.list("/d") == [
                "snapshot.000000000000001e.partial", "snapshot.000000000000003c", "snapshot.0000000000000050",
            ])
        #expect(try disk.list("/l").count < before)
        #expect(try storage.recover { Notebook() }.state == notebook(1...100))
        disk.rot("/d/snapshot.0000000000000050", at: 500)
        let fallen = try storage.recover { Notebook() }
        #expect(fallen.state == notebook(1...100))
        #expect(fallen.warnings.count == 1)
        disk.rot("/d/snapshot.000000000000003c", at: 500)
        #expect(throws: StorageFailure.self) { try storage.recover { Notebook() } }
    }

    @Test(arguments: 0...15)
    func aSuperfluousSnapshotIsWrittenOver(_ changesUntilTheCrash: Int) throws {
        try fill(1...12)
        for zxid: Int64 in [3, 6, 9] { try snapshot(notebook(1...zxid), zxid: zxid) }
        // Two of the pieces in which room is given back.
        try disk.open("/d/snapshot.0000000000000003", .readWrite).truncate(to: 9 << 20)
        disk.stop(afterChanges: changesUntilTheCrash)
        var isWritten = false
        do {
            try storage.purge()
            try snapshot(notebook(1...12), zxid: 12)
            isWritten = true
        } catch {
            #expect(changesUntilTheCrash < 14)
        }
        disk.crash()
        if isWritten {
            #expect(
                try disk.list("/d") == [
                    "snapshot.0000000000000006", "snapshot.0000000000000009", "snapshot.000000000000000c",
                ])
            let size = try disk.attributes("/d/snapshot.000000000000000c")?.sizeInBytes
            #expect(size.map { $0 < 2000 } == true)
        }
        let recovery = try storage.recover { Notebook() }
        #expect(recovery.state == notebook(1...12))
        #expect(recovery.warnings.isEmpty)
        #expect(recovery.snapshotZxid.map { $0 >= 9 } == true)
    }

    @Test func damageBeforeSoundChangesIsRefused() throws {
        try fill(1...20)
        let path = "/l/log.0000000000000001"
        disk.rot(path, at: 24 + 136 * 3 + 50)
        let before = try bytes(path)
        #expect {
            try storage.recover { Notebook() }
        } throws: { error in
            "\(error)".hasPrefix("\(path) is damaged at byte 432: sound changes follow")
        }
        #expect(try bytes(path) == before)
    }

    @Test func damageAtTheEndOfAFileThatIsNotTheLastIsRefused() throws {
        try fill(1...40)
        let path = "/l/log.0000000000000001"
        let size = try bytes(path).readableBytes
        disk.rot(path, at: size - 1)
        #expect {
            try storage.recover { Notebook() }
        } throws: { error in
            "\(error)".contains("another log file follows what cannot be read")
        }
    }

    @Test func aMissingFileIsRefused() throws {
        try fill(1...60)
        let middle = try disk.list("/l")[1]
        try disk.remove("/l/" + middle)
        #expect {
            try storage.recover { Notebook() }
        } throws: { error in
            "\(error)".hasSuffix("a file is missing")
        }
    }

    @Test func aTornEndIsCut() throws {
        try fill(1...5)
        let path = "/l/log.0000000000000001"
        disk.rot(path, at: 24 + 136 * 4 + 50)
        let recovery = try storage.recover { Notebook() }
        #expect(recovery.state == notebook(1...4))
        #expect(recovery.warnings == ["cutting \(path) at byte 568, where a crash tore the last write"])
        var log = recovery.log
        try log.append([entry(5)])
        #expect(try storage.recover { Notebook() }.state == notebook(1...5))
    }

    /// Ends anywhere, again and again: what was acknowledged is there, what was not is there wholly or not at all, and
    /// it is never refused.
    @Test(arguments: 1...200) func noEndLosesWhatWasAcknowledged(_ seed: UInt64) throws {
        let disk = SimulatedDisk(seed: seed)
        let storage = CoordinatorStorage(fileSystem: disk, settings: settings)
        try storage.prepare()
        var random = SeededRandom(seed: seed)
        var acknowledged: Int64 = 0
        for _ in 0..<6 {
            let recovery = try storage.recover { Notebook() }
            #expect(recovery.lastZxid >= acknowledged)
            #expect(recovery.state == notebook(Array(1..<recovery.lastZxid + 1), size: 300))
            acknowledged = recovery.lastZxid
            var log = recovery.log
            disk.stop(afterChanges: Int.random(in: 0...60, using: &random))
            do {
                while true {
                    let count = Int64.random(in: 1...8, using: &random)
                    try log.append((1...count).map { entry(acknowledged + $0, size: 300) })
                    acknowledged += count
                    if Int.random(in: 0..<8, using: &random) == 0 {
                        try snapshot(notebook(1...acknowledged, size: 300), zxid: acknowledged, on: disk)
                        log.roll()
                        try storage.purge()
                    }
                }
            } catch StorageFailure.disk {
                if Bool.random(using: &random) { disk.crash() } else { disk.endStop() }
            }
        }
    }
}
