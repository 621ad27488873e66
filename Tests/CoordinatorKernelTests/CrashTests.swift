import NIOCore
import Seams
import Testing
import WireCoding
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// A coordinator on a disk that crashes, and clients that count: each raises the number in a node of its own, several
/// requests at a time, and knows which numbers were acknowledged.
private struct CrashingCoordinator {
    struct Counter {
        var connection: UInt64
        var session: Int64 = 0
        var password = ByteBuffer()
        var sent: Int32 = 0
        var acknowledged: Int32 = 0
        var path: String { "/counter\(session)" }
    }

    let disk = MemoryDisk()
    var settings = StorageSettings(
        snapshotDirectory: "/d", allocationSizeInBytes: 2048, logFileSizeInBytes: 20_000, retainedSnapshotCount: 2)
    var kernel: CoordinatorKernel
    var log: TransactionLog
    var counters: [Counter] = []
    var connectionCount: UInt64 = 0
    var now = Instant(nanoseconds: 0, unixMilliseconds: 1_000_000)
    var appended: [LogEntry] = []
    var random: SeededRandom

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        (kernel, log) = try Self.restore(disk, settings, now)
        for _ in 0..<3 {
            counters.append(Counter(connection: 0))
            try connect(counters.count - 1)
        }
    }

    private static func restore(
        _ disk: MemoryDisk, _ settings: StorageSettings, _ now: Instant
    ) throws -> (CoordinatorKernel, TransactionLog) {
        var kernelSettings = KernelSettings(sessionSecret: Array(repeating: 1, count: SessionSecret.size))
        kernelSettings.changesPerSnapshot = 70
        let recovery = try CoordinatorStorage(fileSystem: disk, settings: settings)
            .recover { RestoredTree(kernelSettings.tree) }
        let kernel = CoordinatorKernel(
            kernelSettings, restored: recovery.state, replayedCount: recovery.replayedCount, at: now)
        return (kernel, recovery.log)
    }

    /// Performs what the kernel asks for; frames go to `take`.
    mutating func step(_ event: CoordinatorEvent, _ take: (UInt64, ByteBuffer) throws -> Void) throws {
        var effects: [CoordinatorEffect] = []
        kernel.step(event, at: now, into: &effects)
        for effect in effects {
            switch effect {
            case .append(let entry): appended.append(entry)
            case .send(let id, let frame): try take(id.number, frame)
            case .takeSnapshot:
                try log.append(appended)
                let zxid = appended.last?.zxid
                appended = []
                try log.roll()
                var writer = try SnapshotWriter(disk, settings, zxid: kernel.lastZxid)
                try kernel.state.writeSnapshot(chunkSizeInBytes: 300) { chunk throws(StorageFailure) in
                    try writer.append(chunk)
                }
                try writer.finish()
                try CoordinatorStorage(fileSystem: disk, settings: settings).purge()
                if let zxid { try step(.synced(upTo: zxid), take) }
            case .close, .reject, .report: break
            }
        }
    }

    /// Opens a session for a counter, or goes on with its old one, and reads how far it has come.
    mutating func connect(_ index: Int) throws {
        connectionCount += 1
        counters[index].connection = connectionCount
        let id = ConnectionID(connectionCount)
        try step(.connected(id, address: "host:1", host: "host", subject: nil)) { _, _ in }
        var request = ConnectRequest(timeout: 60_000)
        request.sessionID = counters[index].session
        request.password = counters[index].password
        var writer = WireWriter()
        request.write(to: &writer)
        let response = try ask(id, writer.buffer()) { reader throws(MalformedInput) in
            try ConnectResponse(reading: &reader)
        }
        if counters[index].session == 0 {
            counters[index].session = response.sessionID
            counters[index].password = response.password
            let create = CreateOperation(path: counters[index].path, data: nil, acl: ACL.open, mode: .ephemeral)
            let frame = KernelHarness.frame(.change(.create(create)))
            let header = try ask(id, frame) { reader throws(MalformedInput) in
                try ZooKeeperReplyHeader(reading: &reader)
            }
            #expect(header.error == .ok)
            return
        }
        #expect(response.sessionID == counters[index].session)
        let version = try ask(id, KernelHarness.frame(.exists(path: counters[index].path, watch: false))) {
            reader throws(MalformedInput) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            return header.error == .ok ? try Stat(reading: &reader).version : -1
        }
        #expect(version >= counters[index].acknowledged, "an acknowledged change of \(counters[index].path) is lost")
        #expect(version <= counters[index].sent)
        counters[index].sent = version
        counters[index].acknowledged = version
    }

    /// Sends a frame and syncs until it is answered.
    private mutating func ask<Value>(
        _ id: ConnectionID, _ frame: ByteBuffer, _ read: (inout WireReader) throws(MalformedInput) -> Value
    ) throws -> Value {
        var answer: ByteBuffer?
        try step(.received(id, [frame])) { if $0 == id.number { answer = $1 } }
        if let last = appended.last {
            try log.append(appended)
            appended = []
            try step(.synced(upTo: last.zxid)) { if $0 == id.number { answer = $1 } }
        }
        var frame = try #require(answer)
        frame.moveReaderIndex(forwardBy: 4)
        return try WireReader.read(frame, read)
    }

    /// Counts on until the disk stops.
    mutating func countOn() throws {
        var acknowledged: [UInt64] = []
        while true {
            let index = Int.random(in: 0..<counters.count, using: &random)
            let frames = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                KernelHarness.frame(.change(.setData(path: counters[index].path, data: nil, version: -1)))
            }
            counters[index].sent += Int32(frames.count)
            let id = ConnectionID(counters[index].connection)
            try step(.received(id, frames)) { id, _ in acknowledged.append(id) }
            if Bool.random(using: &random), let last = appended.last {
                try log.append(appended)
                appended = []
                try step(.synced(upTo: last.zxid)) { id, _ in acknowledged.append(id) }
            }
            for id in acknowledged {
                for index in counters.indices where counters[index].connection == id {
                    counters[index].acknowledged += 1
                }
            }
            acknowledged = []
        }
    }

    /// Loses power, and comes back with what the disk has kept.
    mutating func crash() throws {
        disk.crash(&random)
        appended = []
        now = now + .seconds(1)
        (kernel, log) = try Self.restore(disk, settings, now)
        for index in counters.indices { try connect(index) }
    }
}

@Suite struct CrashTests {
    @Test(arguments: 1...200) func nothingAcknowledgedIsLost(_ seed: UInt64) throws {
        var coordinator = try CrashingCoordinator(seed: seed)
        for _ in 0..<5 {
            coordinator.disk.stop(after: Int.random(in: 1...150, using: &coordinator.random))
            do {
                try coordinator.countOn()
            } catch StorageFailure.disk {
                try coordinator.crash()
            }
        }
        #expect(coordinator.counters.contains { $0.acknowledged > 0 })
    }
}
