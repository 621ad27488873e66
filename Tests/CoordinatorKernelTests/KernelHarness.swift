import NIOCore
import Seams
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// A kernel with its clients; changes become durable when the test says so.
struct KernelHarness {
    var kernel: CoordinatorKernel
    var now = Instant(nanoseconds: 0, unixMilliseconds: 1_000_000_000)
    /// Handed out for appending, not yet durable.
    var appended: [LogEntry] = []
    /// What each connection was sent and did not take yet, without lengths.
    var sent: [UInt64: [ByteBuffer]] = [:]
    /// Connections that were ended, with the cause where there was one.
    var ended: [UInt64: String] = [:]
    /// Tokens of SASL that were handed out, with their connections.
    var tokens: [(connection: UInt64, token: ByteBuffer)] = []
    var effects: [CoordinatorEffect] = []
    var snapshotsAsked = 0
    /// Whether changes are durable at once.
    var syncsAtOnce = true

    init(_ change: (inout KernelSettings) -> Void = { _ in }) {
        var settings = KernelSettings(sessionSecret: Array(repeating: 7, count: SessionSecret.size))
        change(&settings)
        kernel = CoordinatorKernel(settings, restored: RestoredTree(settings.tree), at: now)
    }

    mutating func step(_ event: CoordinatorEvent) {
        kernel.step(event, at: now, into: &effects)
        perform()
        if syncsAtOnce { sync() }
    }

    mutating func sync() {
        guard let last = appended.last else { return }
        appended = []
        kernel.step(.synced(upTo: last.zxid), at: now, into: &effects)
        perform()
    }

    private mutating func perform() {
        defer { effects = [] }
        for effect in effects {
            switch effect {
            case .append(let entry): appended.append(entry)
            case .send(let id, var frame):
                let length = frame.readInteger(as: Int32.self)
                #expect(length == Int32(frame.readableBytes))
                sent[id.number, default: []].append(frame)
            case .close(let id): ended[id.number] = ""
            case .reject(let id, let cause): ended[id.number] = cause
            case .authenticate(let id, let token): tokens.append((id.number, token))
            case .takeSnapshot: snapshotsAsked += 1
            case .report: break
            case .promise, .truncate, .restore, .tell, .connect, .agreed, .receiveSnapshot, .receiveChunk,
                .loadSnapshot, .installSnapshot,
                .discardSnapshot, .fail:
                Issue.record("\(effect) of a coordinator without an ensemble")
            }
        }
    }

    mutating func arrive(_ connection: UInt64, host: String = "127.0.0.1", subject: String? = nil) {
        step(.connected(ConnectionID(connection), address: "\(host):5000", host: host, subject: subject))
    }

    mutating func send(_ connection: UInt64, _ frame: ByteBuffer) {
        step(.received(ConnectionID(connection), [frame]))
    }

    /// Opens a session on a new connection.
    mutating func open(_ connection: UInt64, subject: String? = nil) throws -> ConnectResponse {
        arrive(connection, subject: subject)
        return try connect(connection, ConnectRequest(timeout: 10_000))
    }

    mutating func connect(_ connection: UInt64, _ request: ConnectRequest) throws -> ConnectResponse {
        var writer = WireWriter()
        request.write(to: &writer)
        send(connection, writer.buffer())
        let frame = try next(connection)
        return try WireReader.read(frame) { reader throws(MalformedInput) in try ConnectResponse(reading: &reader) }
    }

    mutating func next(_ connection: UInt64) throws -> ByteBuffer {
        try #require(sent[connection]?.isEmpty == false, "nothing was sent to connection \(connection)")
        return sent[connection, default: []].removeFirst()
    }

    /// Sends a request and leaves its reply where it is.
    mutating func ask(_ connection: UInt64, _ request: ZooKeeperRequest, xid: Int32 = 1) {
        send(connection, Self.frame(request, xid: xid))
    }

    static func frame(_ request: ZooKeeperRequest, xid: Int32 = 1) -> ByteBuffer {
        var writer = WireWriter()
        ZooKeeperRequestHeader(xid: xid, type: request.opCode.rawValue).write(to: &writer)
        request.write(to: &writer)
        return writer.buffer()
    }

    /// The next reply; the request decides how it is read.
    mutating func reply(
        _ connection: UInt64, to opCode: OpCode
    ) throws -> (header: ZooKeeperReplyHeader, body: ZooKeeperReply) {
        try WireReader.read(try next(connection)) { reader throws(MalformedInput) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            return (header, header.error == .ok ? try ZooKeeperReply(to: opCode, reading: &reader) : .empty)
        }
    }

    mutating func event(_ connection: UInt64) throws -> WatchedEvent {
        try WireReader.read(try next(connection)) { reader throws(MalformedInput) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            #expect(header.xid == SpecialXID.watchEvent)
            return try WatchedEvent(reading: &reader)
        }
    }

    @discardableResult
    mutating func create(
        _ connection: UInt64, _ path: String, _ mode: CreateMode = .persistent, acl: [ACL] = ACL.open
    ) throws -> ZooKeeperError {
        let create = CreateOperation(path: path, data: nil, acl: acl, mode: mode)
        ask(connection, .change(.create(create)))
        return try reply(connection, to: .create).header.error
    }
}
