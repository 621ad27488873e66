import CoordinatorKernel
import NIOCore
import Seams
import WireCoding
import ZooKeeperProtocol

/// Clients that count on a coordinator whose power fails, whose process is killed, and whose disk errs.
///
/// Each client raises the version of a node of its own, several requests at a time. The oracle knows nothing of the
/// coordinator: after whatever has happened a client finds its session, its ephemeral node, at least what was
/// acknowledged to it, and at most what it has sent.
package struct CoordinatorRun {
    private struct Client {
        var connection: UInt64 = 0
        var session: Int64 = 0
        var password = ByteBuffer()
        var sent: Int32 = 0
        var acknowledged: Int32 = 0

        var path: String { "/counter\(session)" }
    }

    private let disk: SimulatedDisk
    private var random: SeededRandom
    private let storage = StorageSettings(
        snapshotDirectory: "/data", logDirectory: "/log", allocationSizeInBytes: 2048, logFileSizeInBytes: 20_000,
        retainedSnapshotCount: 2)
    private var settings = KernelSettings(sessionSecret: Array(repeating: 1, count: SessionSecret.size))
    private let saysTooEarly: Bool
    private var coordinator: SimulatedCoordinator
    private var clients: [Client] = []
    private var connectionCount: UInt64 = 0
    private var now = Instant(nanoseconds: 0, unixMilliseconds: 1_000_000)
    /// What the coordinator did that it must not.
    package private(set) var violations: [String] = []
    /// Of everything that was said to clients.
    package private(set) var digest: UInt32 = 0
    package private(set) var acknowledgedCount = 0
    package private(set) var restartCount = 0

    /// Lives through `lives` ends of the coordinator. The same seed does the same in every process.
    ///
    /// - Parameter saysTooEarly: plants a bug that shows as violations.
    package init(seed: UInt64, lives: Int = 6, saysTooEarly: Bool = false) throws(StorageFailure) {
        disk = SimulatedDisk(seed: seed)
        random = SeededRandom(seed: seed)
        settings.changesPerSnapshot = 70
        self.saysTooEarly = saysTooEarly
        coordinator = try SimulatedCoordinator(settings, on: disk, storage, saysTooEarly: saysTooEarly, at: now)
        for _ in 0..<3 {
            clients.append(Client())
            try connect(clients.count - 1)
        }
        for _ in 0..<lives { try live() }
    }

    /// Counts until something ends the coordinator, and starts it again.
    private mutating func live() throws(StorageFailure) {
        let losesPower = Bool.random(using: &random)
        if Bool.random(using: &random) {
            disk.inject(.init(.synchronize, suffix: "", after: Int.random(in: 0...60, using: &random)))
        } else {
            disk.stop(afterChanges: Int.random(in: 1...150, using: &random))
        }
        do throws(StorageFailure) {
            while true { try count() }
        } catch {
            guard case .disk = error else { throw error }
        }
        now = now + .seconds(1)
        if losesPower { disk.crash() } else { disk.endStop() }
        restartCount += 1
        coordinator = try SimulatedCoordinator(settings, on: disk, storage, saysTooEarly: saysTooEarly, at: now)
        for index in clients.indices { try connect(index) }
    }

    private mutating func count() throws(StorageFailure) {
        let index = Int.random(in: 0..<clients.count, using: &random)
        let frames = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            Self.frame(.change(.setData(path: clients[index].path, data: nil, version: -1)))
        }
        clients[index].sent += Int32(frames.count)
        let said = try coordinator.step(.received(ConnectionID(clients[index].connection), frames), at: now)
        acknowledge(said)
        if Bool.random(using: &random) { acknowledge(try coordinator.sync(at: now)) }
    }

    private mutating func acknowledge(_ said: [CoordinatorEffect]) {
        for case .send(let id, let frame) in said {
            note(frame)
            for index in clients.indices where clients[index].connection == id.number {
                clients[index].acknowledged += 1
                acknowledgedCount += 1
            }
        }
    }

    private mutating func note(_ frame: ByteBuffer) {
        digest = frame.withUnsafeReadableBytes { crc32c($0, after: digest) }
    }

    // MARK: Connecting

    /// Opens a session with an ephemeral node to count in, or goes on with the old one and compares.
    private mutating func connect(_ index: Int) throws(StorageFailure) {
        connectionCount += 1
        clients[index].connection = connectionCount
        let id = ConnectionID(connectionCount)
        acknowledge(try coordinator.step(.connected(id, address: "host:1", host: "host", subject: nil), at: now))
        var request = ConnectRequest(timeout: 60_000)
        request.sessionID = clients[index].session
        request.password = clients[index].password
        var writer = WireWriter()
        request.write(to: &writer)
        let response = try ask(writer.buffer(), on: id) { reader throws(MalformedInput) in
            try ConnectResponse(reading: &reader)
        }
        guard let response, response.sessionID != 0 else {
            violations.append("session \(clients[index].session) is lost")
            return
        }
        if clients[index].session != 0 { return try compare(index, on: id) }
        clients[index].session = response.sessionID
        clients[index].password = response.password
        let create = CreateOperation(path: clients[index].path, data: nil, acl: ACL.open, mode: .ephemeral)
        _ = try ask(Self.frame(.change(.create(create))), on: id) { reader throws(MalformedInput) in
            try ZooKeeperReplyHeader(reading: &reader)
        }
    }

    private mutating func compare(_ index: Int, on id: ConnectionID) throws(StorageFailure) {
        let client = clients[index]
        let version = try ask(Self.frame(.exists(path: client.path, watch: false)), on: id) {
            reader throws(MalformedInput) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            return header.error == .ok ? try Stat(reading: &reader).version : nil
        }
        guard let version = version ?? nil else {
            violations.append("\(client.path) is lost")
            return
        }
        if version < client.acknowledged {
            violations.append("\(client.path) is at \(version), and \(client.acknowledged) was acknowledged")
        }
        if version > client.sent {
            violations.append("\(client.path) is at \(version), and only \(client.sent) was sent")
        }
        clients[index].sent = version
        clients[index].acknowledged = version
    }

    /// Sends a frame and makes everything durable; the last thing said to that connection, nil if nothing was.
    private mutating func ask<Value>(
        _ frame: ByteBuffer, on id: ConnectionID, _ read: (inout WireReader) throws(MalformedInput) -> Value
    ) throws(StorageFailure) -> Value? {
        let said = try coordinator.step(.received(id, [frame]), at: now) + coordinator.sync(at: now)
        var answer: ByteBuffer?
        for case .send(let receiver, let frame) in said where receiver == id {
            note(frame)
            answer = frame
        }
        answer?.moveReaderIndex(forwardBy: 4)
        guard let answer else { return nil }
        do throws(MalformedInput) {
            return try WireReader.read(answer, read)
        } catch {
            violations.append("an answer cannot be read: \(error)")
            return nil
        }
    }

    private static func frame(_ request: ZooKeeperRequest) -> ByteBuffer {
        var writer = WireWriter()
        ZooKeeperRequestHeader(xid: 1, type: request.opCode.rawValue).write(to: &writer)
        request.write(to: &writer)
        return writer.buffer()
    }
}
