import NIOCore
import Seams
import Simulation
import Testing

@testable import CoordinatorKernel

@Suite struct TruncationTests {
    private let disk = SimulatedDisk()
    private var settings = StorageSettings(snapshotDirectory: "/d", logDirectory: "/l")

    init() throws {
        settings.allocationSizeInBytes = 4096
        settings.logFileSizeInBytes = 3000
        settings.retainedSnapshotCount = 2
        try storage.prepare()
    }

    private var storage: CoordinatorStorage { CoordinatorStorage(fileSystem: disk, settings: settings) }

    private func entry(_ zxid: Int64, _ text: String = "first leader's") -> LogEntry {
        LogEntry(zxid: zxid, record: ByteBuffer(string: "\(text) change of zxid \(zxid)"))
    }

    private func zxids(_ recovery: Recovery<Notebook>) -> [Int64] { recovery.state.records.keys.sorted() }

    @Test func whatIsCutOffInTheMiddleOfABatchIsVoidOnceTheLogGoesOn() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1), entry(2)])
        try log.append([entry(3), entry(4), entry(90)])
        try log.append([entry(91)])
        try log.truncate(after: 3)
        #expect(log.lastZxid == 3)
        try log.append([entry(20, "second leader's"), entry(21, "second leader's")])
        let recovery = try storage.recover(keepsEntries: true) { Notebook() }
        #expect(zxids(recovery) == [1, 2, 3, 20, 21])
        #expect(recovery.state.records[20] == entry(20, "second leader's").record)
        #expect(recovery.lastZxid == 21)
        #expect(recovery.warnings.isEmpty)
        #expect(recovery.entries.map(\.zxid) == [1, 2, 3, 20, 21])
    }

    @Test func itReachesBackOverFilesAndWorksRightAfterAStart() throws {
        var log = try storage.recover { Notebook() }.log
        for zxid: Int64 in 1...200 { try log.append([entry(zxid)]) }
        #expect(try disk.list("/l").count > 3)
        log = try storage.recover { Notebook() }.log
        try log.truncate(after: 7)
        #expect(try disk.list("/l") == ["log.0000000000000001"])
        #expect(zxids(try storage.recover { Notebook() }) == Array(1...7))
        try log.append([entry(8, "second leader's")])
        #expect(zxids(try storage.recover { Notebook() }) == Array(1...8))
    }

    @Test func everythingCanGo() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(5)])
        try log.truncate(after: 0)
        #expect(try disk.list("/l").isEmpty)
        try log.append([entry(4)])
        #expect(zxids(try storage.recover { Notebook() }) == [4])
    }

    @Test func aSnapshotBetweenVoidAndLaterZxidsIsContinued() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1), entry(0x500)])
        try log.truncate(after: 1)
        try log.append([entry(0x300)])
        var writer = try SnapshotWriter(disk, settings, zxid: 0x300)
        try writer.append(Notebook(records: [1: entry(1).record, 0x300: entry(0x300).record]).chunk)
        try writer.finish()
        try log.append([entry(0x301)])
        let recovery = try storage.recover(keepsEntries: true) { Notebook() }
        #expect(zxids(recovery) == [1, 0x300, 0x301])
        #expect(recovery.entries == [entry(0x301)])
    }

    @Test func aLogThatVoidsWhatASnapshotHoldsIsDamaged() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1), entry(2), entry(3)])
        try log.truncate(after: 1)
        try log.append([entry(10)])
        var writer = try SnapshotWriter(disk, settings, zxid: 2)
        try writer.append(Notebook(records: [1: entry(1).record, 2: entry(2).record]).chunk)
        try writer.finish()
        #expect {
            try storage.recover { Notebook() }
        } throws: { error in
            "\(error)".contains("the next file voids zxid 0x2 of the snapshot")
        }
    }

    @Test func aFileThatVoidsAWholeBatchIsDamaged() throws {
        var log = try storage.recover { Notebook() }.log
        try log.append([entry(1)])
        try log.append([entry(2)])
        // As if the log had been cut after zxid 1 without anything being removed.
        var other = TransactionLog(fileSystem: disk, settings: settings, lastZxid: 1)
        try other.append([entry(3)])
        #expect {
            try storage.recover { Notebook() }
        } throws: { error in
            "\(error)".contains("never cut off")
        }
    }

    /// Appends, truncates, takes snapshots and purges, and ends anywhere, again and again. Whatever comes back is a
    /// history that once was written in this order, with all of it that has to be there.
    @Test(arguments: 1...300) func whatComesBackIsOneHistory(_ seed: UInt64) throws {
        let disk = SimulatedDisk(seed: seed)
        let storage = CoordinatorStorage(fileSystem: disk, settings: settings)
        try storage.prepare()
        var random = SeededRandom(seed: seed)
        var histories = Histories()
        for _ in 0..<8 {
            let recovery = try storage.recover(keepsEntries: true) { Notebook() }
            try histories.check(recovery)
            var log = recovery.log
            disk.stop(afterChanges: Int.random(in: 0...80, using: &random))
            do {
                while true {
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0..<6:
                        let batch = histories.extend(count: Int.random(in: 1...6, using: &random), &random)
                        try log.append(batch)
                        histories.appended()
                    case 6, 7:
                        try log.truncate(after: histories.truncate(&random))
                    case 8:
                        let (zxid, notebook) = histories.commit(&random)
                        guard zxid > 0 else { continue }
                        var writer = try SnapshotWriter(disk, settings, zxid: zxid)
                        try writer.append(notebook.chunk)
                        try writer.finish()
                        try storage.purge()
                    default: log.roll()
                    }
                }
            } catch StorageFailure.disk {
                if Bool.random(using: &random) { disk.crash() } else { disk.endStop() }
            }
        }
    }
}

/// What may come back from the disk: the dumb twin of a log that is truncated.
private struct Histories {
    /// What each zxid was appended after.
    private var parents: [Int64: Int64] = [:]
    /// Appended, durable and not void, ascending.
    private var live: [Int64] = []
    /// Beyond `live`: being appended, or voided and perhaps still on the disk.
    private var mayComeBack: Set<Int64> = []
    private var pending: [Int64] = []
    /// What snapshots hold; never voided.
    private var committed: Int64 = 0

    static func record(_ zxid: Int64) -> ByteBuffer {
        ByteBuffer(repeating: UInt8(truncatingIfNeeded: zxid &* 31), count: 50 + Int(zxid % 200))
    }

    mutating func extend(count: Int, _ random: inout SeededRandom) -> [LogEntry] {
        pending = []
        for _ in 0..<count {
            let last = pending.last ?? live.last ?? 0
            // Numbers of other leaders lie between, and none is ever given twice.
            var zxid = last + Int64.random(in: 1...40, using: &random)
            while parents[zxid] != nil { zxid += 1 }
            parents[zxid] = last
            pending.append(zxid)
        }
        mayComeBack.formUnion(pending)
        return pending.map { LogEntry(zxid: $0, record: Self.record($0)) }
    }

    mutating func appended() {
        live += pending
        mayComeBack = []
    }

    mutating func truncate(_ random: inout SeededRandom) -> Int64 {
        let zxid = ([committed] + live.filter { $0 > committed }.suffix(20)).randomElement(using: &random) ?? 0
        mayComeBack.formUnion(live.filter { $0 > zxid })
        // Voided earlier, in the same batch.
        mayComeBack.formUnion(parents.keys.filter { $0 > zxid })
        live.removeAll { $0 > zxid }
        return zxid
    }

    mutating func commit(_ random: inout SeededRandom) -> (Int64, Notebook) {
        committed = live.filter { $0 >= committed }.randomElement(using: &random) ?? committed
        let zxids = live.filter { $0 <= committed }
        return (committed, Notebook(records: Dictionary(uniqueKeysWithValues: zxids.map { ($0, Self.record($0)) })))
    }

    mutating func check(_ recovery: Recovery<Notebook>) throws {
        let found = recovery.state.records.keys.sorted()
        #expect(found.starts(with: live))
        #expect(found.dropFirst(live.count).allSatisfy { mayComeBack.contains($0) })
        for (zxid, previous) in zip(found, [0] + found) {
            #expect(parents[zxid] == previous)
            #expect(recovery.state.records[zxid] == Self.record(zxid))
        }
        #expect(recovery.lastZxid == max(found.last ?? 0, recovery.snapshotZxid ?? 0))
        #expect(recovery.entries.map(\.zxid) == found.filter { $0 > recovery.snapshotZxid ?? 0 })
        live = found
        mayComeBack = []
    }
}
