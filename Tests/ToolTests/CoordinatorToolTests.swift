import CoordinatorKernel
import Platform
import Quorum
import Seams
import Simulation
import Synchronization
import Testing

@testable import Tool

/// The offline tools, over what a takeover makes of a data directory of Apache ZooKeeper.
@Suite struct CoordinatorToolTests {
    private static let fixture =
        String(#filePath.dropLast("/ToolTests/CoordinatorToolTests.swift".count))
        + "/CoordinatorKernelTests/Fixtures/apache-plain/version-2"

    private let disk = SimulatedDisk()
    private let settings = StorageSettings(snapshotDirectory: "/d")
    private let snapshot: String

    /// A directory with one snapshot and a log behind it.
    init() throws {
        try disk.createDirectory("/d/version-2")
        let real = PosixFileSystem()
        for name in try real.list(Self.fixture) {
            let bytes = try #require(try real.contents(of: "\(Self.fixture)/\(name)"))
            try Self.write(Array(bytes), to: "/d/version-2/\(name)", on: disk)
        }
        let storage = CoordinatorStorage(fileSystem: disk, settings: settings)
        _ = try storage.recover { RestoredTree(.init()) }
        snapshot = try #require(try disk.list("/d").first { $0.hasPrefix("snapshot.") })
    }

    private static func write(_ bytes: [UInt8], to path: String, on disk: SimulatedDisk) throws {
        let file = try disk.open(path, .readWrite)
        try file.truncate(to: 0)
        let outcome = bytes.withUnsafeBytes { bytes in
            Result { try file.write(bytes, at: 0) }
        }
        try outcome.get()
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        let file = try disk.open(path, .read)
        var bytes = [UInt8](repeating: 0, count: try file.size())
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        #expect(count == bytes.count)
        return bytes
    }

    private func check(_ directory: String) throws -> (isSound: Bool, output: String) {
        var output = ""
        let isSound = try CoordinatorCheck.parse([directory]).run(disk, to: &output)
        return (isSound, output)
    }

    // MARK: check

    @Test func aSoundDirectoryIsSaidToBe() throws {
        let before = disk.changeCount
        let (isSound, output) = try check("/d/")
        #expect(isSound)
        #expect(output.hasPrefix("sound    /d/\(snapshot): 45 nodes, 2 sessions, zxid 0x"))
        #expect(output.contains("A start would find the snapshot of zxid 0x"))
        #expect(disk.changeCount == before)
    }

    @Test func oneRottenByteIsFound() throws {
        for position in [3, 30, 2000] {
            disk.rot("/d/\(snapshot)", at: position)
            let (isSound, output) = try check("/d")
            #expect(!isSound)
            #expect(output.contains("DAMAGED  /d/\(snapshot)") && output.contains("A start would be refused"))
            disk.rot("/d/\(snapshot)", at: position)
        }
    }

    @Test func whatApacheLeftIsRehearsed() throws {
        try disk.remove("/d/\(snapshot)")
        let (isSound, output) = try check("/d")
        #expect(isSound)
        #expect(output.contains("A start would say: took over Apache ZooKeeper's /d/version-2"))
        #expect(output.contains("45 nodes, 2 sessions"))
        #expect(try !disk.list("/d").contains(snapshot))
    }

    @Test func anotherDirectoryIsRefused() throws {
        try disk.createDirectory("/empty")
        #expect(throws: CommandFailure.self) { try check("/empty") }
        #expect(throws: CommandFailure.self) { try check("/nowhere") }
    }

    // MARK: backup and restore

    private func backup(_ directory: String, to file: String) async throws -> String {
        var output = ""
        try await CoordinatorBackup.parse([directory, "--to", file]).run(disk, to: &output)
        return output
    }

    private func restore(_ file: String, to directory: String) async throws -> String {
        var output = ""
        try await CoordinatorRestore.parse([file, "--to", directory]).run(disk, to: &output)
        return output
    }

    @Test func whatWasBackedUpComesBack() async throws {
        #expect(try await backup("/d", to: "/backup").contains("45 nodes, 2 sessions"))
        #expect(try await restore("/backup", to: "/new/place").contains("45 nodes, 2 sessions"))
        let restored = CoordinatorStorage(fileSystem: disk, settings: StorageSettings(snapshotDirectory: "/new/place"))
        let original = CoordinatorStorage(fileSystem: disk, settings: settings)
        let (left, right) = (
            try restored.recover { RestoredTree(.init()) }, try original.recover { RestoredTree(.init()) }
        )
        #expect(left.lastZxid == right.lastZxid)
        #expect(left.state.state == right.state.state)
    }

    @Test func nothingIsOverwritten() async throws {
        _ = try await backup("/d", to: "/backup")
        let before = try bytes("/backup")
        await #expect(throws: StorageFailure.occupied("/backup")) { try await backup("/d", to: "/backup") }
        #expect(try bytes("/backup") == before)
        await #expect(throws: StorageFailure.occupied("/d")) { try await restore("/backup", to: "/d") }
    }

    @Test func aBackupThatWasCutOrChangedIsRefused() async throws {
        _ = try await backup("/d", to: "/backup")
        let whole = try bytes("/backup")
        for count in [0, 10, 24, 40, whole.count - 1] {
            try Self.write(Array(whole.prefix(count)), to: "/backup", on: disk)
            let error = try await #require(throws: StorageFailure.self) {
                try await restore("/backup", to: "/new")
            }
            guard case .damaged("/backup", _, _) = error else { throw error }
            #expect(try disk.attributes("/new") == nil)
        }
        for position in stride(from: 0, to: whole.count, by: 97) {
            try Self.write(whole, to: "/backup", on: disk)
            disk.rot("/backup", at: position)
            await #expect(throws: StorageFailure.self) { try await restore("/backup", to: "/new") }
        }
    }
}

/// On the real disk, for files go from one directory into another.
@Suite final class CoordinatorRebuildTests {
    private let directory = "/tmp/martlet-tool-\(UInt64.random(in: 0 ... .max))"
    private let disk = PosixFileSystem()
    private let settings: StorageSettings
    private let promises: PromiseFile

    /// A directory with two files that are damaged beyond use.
    init() throws {
        settings = StorageSettings(snapshotDirectory: directory)
        promises = PromiseFile(disk, settings)
        try disk.createDirectory(directory)
        try damage()
    }

    deinit {
        do throws(FileSystemError) {
            try Self.removeAll(directory, disk)
        } catch {
            Issue.record("\(directory) stays behind: \(error)")
        }
    }

    private static let files = ["log.0000000000000006", "snapshot.0000000000000005"]

    private func damage() throws {
        for name in Self.files { _ = try disk.open("\(directory)/\(name)", .readWrite) }
    }

    private static func removeAll(_ path: String, _ disk: PosixFileSystem) throws(FileSystemError) {
        if try disk.attributes(path)?.isDirectory == true {
            for name in try disk.list(path) { try removeAll("\(path)/\(name)", disk) }
        }
        try disk.remove(path)
    }

    private func rebuild(_ disk: some FileSystem) throws -> String {
        var output = ""
        try CoordinatorRebuild.parse([directory]).run(disk, seconds: 77, to: &output)
        return output
    }

    @Test func aMemberKeepsItsPromiseAndSetsItsFilesAside() throws {
        let ensemble = [UInt8](repeating: 5, count: PromiseFile.ensembleSize)
        let promise = QuorumPromise(epoch: 4, votedFor: MemberID(2), standing: .voting)
        try promises.write(.init(promise, ensemble: ensemble))
        #expect(try rebuild(disk).hasPrefix("Kept \(directory)/damaged-77/\(Self.files[0])\n"))
        let kept = QuorumPromise(epoch: 4, votedFor: MemberID(2), standing: .rebuilding)
        #expect(try promises.read() == .init(kept, ensemble: ensemble))
        #expect(try disk.list("\(directory)/damaged-77") == Self.files)
        // It begins empty.
        let recovery = try CoordinatorStorage(fileSystem: disk, settings: settings).recover { RestoredTree(.init()) }
        #expect(recovery.lastZxid == 0 && recovery.snapshotZxid == nil)
    }

    @Test func whoStandsAloneHasNothingToRebuildFrom() throws {
        #expect(throws: StorageFailure.noMember(directory)) { try rebuild(disk) }
        #expect(try disk.list(directory) == Self.files)
    }

    @Test func anEndOnTheWayIsMadeGoodByDoingItAgain() throws {
        for changes in 0..<8 {
            try promises.write(.init(QuorumPromise(epoch: 4, standing: .voting)))
            try damage()
            #expect(throws: StorageFailure.self) { try rebuild(StoppingDisk(disk, afterChanges: changes)) }
            // Without its files it never counts as one that knows everything.
            let isWhole = try Set(disk.list(directory)).isSuperset(of: Self.files)
            #expect(try isWhole || promises.read().promise.standing == .rebuilding)
            _ = try rebuild(disk)
            #expect(try disk.list("\(directory)/damaged-77") == Self.files)
            #expect(try promises.read().promise.standing == .rebuilding)
        }
    }

    @Test func aDirectoryThatIsInUseIsNotTouched() throws {
        try promises.write(.init(QuorumPromise(epoch: 4, standing: .voting)))
        let lock = try DirectoryLock(directory)
        var output = ""
        withExtendedLifetime(lock) {
            #expect(throws: DirectoryLock.Refusal.self) {
                try CoordinatorCheck.parse([directory]).run(disk, to: &output)
            }
            #expect(throws: DirectoryLock.Refusal.self) { try CoordinatorRebuild.parse([directory]).run() }
        }
        #expect(output.isEmpty)
        #expect(try promises.read().promise.standing == .voting)
    }
}

/// A disk that refuses every change after so many.
private final class StoppingDisk: FileSystem {
    private let real: PosixFileSystem
    private let left: Mutex<Int>

    init(_ real: PosixFileSystem, afterChanges count: Int) {
        self.real = real
        left = Mutex(count)
    }

    private func change(_ path: String) throws(FileSystemError) {
        let isOver = left.withLock { left in
            left -= 1
            return left < 0
        }
        if isOver { throw FileSystemError(operation: "change", path: path, code: 5, reason: "stopped") }
    }

    func open(_ path: String, _ mode: OpenMode) throws(FileSystemError) -> any File {
        if mode != .read { try change(path) }
        return try real.open(path, mode)
    }

    func list(_ directory: String) throws(FileSystemError) -> [String] { try real.list(directory) }

    func attributes(_ path: String) throws(FileSystemError) -> FileAttributes? { try real.attributes(path) }

    func createDirectory(_ path: String) throws(FileSystemError) {
        try change(path)
        try real.createDirectory(path)
    }

    func remove(_ path: String) throws(FileSystemError) {
        try change(path)
        try real.remove(path)
    }

    func rename(_ path: String, to target: String) throws(FileSystemError) {
        try change(path)
        try real.rename(path, to: target)
    }

    func synchronizeDirectory(_ path: String) throws(FileSystemError) {
        try change(path)
        try real.synchronizeDirectory(path)
    }
}

/// What the answers of coordinators are taken for.
@Suite struct CoordinatorStatusTests {
    private func report(_ server: String, _ mode: String, zxid: String = "0x300000005") -> ServerReport {
        let srvr = """
            Zookeeper version: 3.8.0-1, built on never
            Latency min/avg/max: 0/0.25/8
            Received: 7
            Sent: 6
            Connections: 2
            Outstanding: 1
            Zxid: \(zxid)
            Mode: \(mode)
            Node count: 45

            """
        return ServerReport(server: server, srvr: srvr, mntr: "zk_version\t3.8\nzk_global_sessions\t3\n")
    }

    private let deaf = ServerReport(server: "c:1", unreachable: "nobody listens there")

    @Test func anAnswerIsUnderstood() {
        let report = report("a:1", "leader")
        #expect(
            report.state == .serving && report.mode == "leader" && report.epoch == 3 && report.zxid == 0x3_0000_0005)
        #expect(report.sessions == 3 && report.nodes == 45 && report.connections == 2 && report.outstanding == 1)
        #expect(report.latency == ServerReport.Latency(minimum: 0, average: 0.25, maximum: 8))
    }

    @Test func otherAnswersAreTold() {
        let idle = "This ZooKeeper instance is not currently serving requests\n"
        #expect(ServerReport(server: "a:1", srvr: idle, mntr: idle).state == .notServing)
        let refused = ServerReport(
            server: "a:1", srvr: "srvr is not executed because it is not in the whitelist.\n", mntr: nil)
        #expect(refused.state == .unreachable && refused.cause == "srvr is not in its whitelist")
        #expect(
            ServerReport(server: "a:1", srvr: "HTTP/1.1 400\r\n", mntr: nil).cause == "what answers is no coordinator")
        let unknown = ServerReport(server: "a:1", srvr: "Mode: standalone\nZxid: many\n", mntr: "not allowed")
        #expect(unknown.state == .serving && unknown.zxid == nil && unknown.sessions == nil)
    }

    @Test func theVerdictIsTheTruth() {
        let (leader, follower) = (report("a:1", "leader"), report("b:1", "follower"))
        func verdict(_ servers: ServerReport...) -> EnsembleHealth.Verdict { EnsembleHealth(servers).verdict }
        #expect(verdict(report("a:1", "standalone")) == .healthy)
        #expect(verdict(leader, follower, report("c:1", "observer")) == .healthy)
        #expect(verdict(leader, follower, deaf) == .degraded)
        #expect(verdict(follower) == .degraded)
        #expect(verdict(leader, report("b:1", "leader", zxid: "0x400000001")) == .degraded)
        #expect(verdict(leader, report("b:1", "follower", zxid: "0x200000001")) == .degraded)
        #expect(verdict(report("a:1", "standalone"), report("b:1", "standalone")) == .degraded)
        #expect(verdict(deaf) == .unavailable)
        #expect(verdict(report("a:1", "read-only"), deaf) == .unavailable)
    }

    @Test func theTableHasALineForEach() {
        let rows = CoordinatorStatus.rows([report("a:1", "leader"), deaf])
        #expect(rows.count == 3)
        #expect(rows[1] == ["a:1", "serving", "leader", "3", "0x300000005", "3", "45", "1", "0.0/0.25/8.0"])
        #expect(rows[2] == ["c:1", "unreachable", "-", "-", "-", "-", "-", "-", "-"])
    }

    @Test(arguments: ["localhost", "localhost:", ":2181", "localhost:0", "localhost:70000", ""])
    func anAddressThatIsNoneIsRefused(_ address: String) {
        #expect(throws: (any Error).self) { try CoordinatorStatus.parse(["--server", address]) }
    }
}
