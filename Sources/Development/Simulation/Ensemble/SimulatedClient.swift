import CoordinatorKernel
import NIOCore
import WireCoding
import ZooKeeperProtocol

/// A client of an ensemble: its session, and what it waits for on its connection.
struct SimulatedClient {
    enum Request {
        case write(register: Int, text: String, after: Int32)
        case read(register: Int, watches: Bool)
        /// A read behind a sync, which must show what was acknowledged before.
        case synced(register: Int, after: Int32)
        case sync
        case createRegister(Int)
        case createEphemeral
        case seeEphemeral
        case ping
        /// Members come, go, or get another part.
        case reconfigure(joining: String?, leaving: String?)
    }

    enum Phase {
        case away
        case connecting
        case connected
    }

    let index: Int
    var phase = Phase.away
    var connection: UInt64 = 0
    var server = 0
    var session: Int64 = 0
    var password = ByteBuffer()
    /// In milliseconds.
    static let timeout: Int32 = 4000
    var lastZxid: Int64 = 0
    var lastXid: Int32 = 0
    var waiting: [(xid: Int32, request: Request, opCode: OpCode)] = []
    /// In nanoseconds of virtual time: when something was received last.
    var heard: Int64 = 0
    var connectionBegan: Int64 = 0
    var hasEphemeral = false
    /// Versions below which it must not be shown a register any more.
    var seen: [Int32]
    /// At which version it watches a register.
    var watched: [Int: Int32] = [:]
    /// It is killed, and never comes again.
    var isGone = false

    init(_ index: Int, registerCount: Int) {
        self.index = index
        seen = Array(repeating: -1, count: registerCount)
    }

    func isWaiting(toWrite text: String) -> Bool {
        waiting.contains { if case .write(_, text, _) = $0.request { true } else { false } }
    }

    var ephemeralPath: String { "/e\(index)-\(session)" }

    static func path(_ register: Int) -> String { "/r\(register)" }

    /// The frame of a request, which is waited for from now on.
    mutating func frame(_ request: Request) -> ByteBuffer {
        let sent: ZooKeeperRequest =
            switch request {
            case .write(let register, let text, _):
                .change(.setData(path: Self.path(register), data: ByteBuffer(string: text), version: -1))
            case .read(let register, let watches): .getData(path: Self.path(register), watch: watches)
            case .synced(let register, _): .getData(path: Self.path(register), watch: false)
            case .sync: .sync(path: "/")
            case .createRegister(let register): .change(.create(Self.create(Self.path(register), .persistent)))
            case .createEphemeral: .change(.create(Self.create(ephemeralPath, .ephemeral)))
            case .seeEphemeral: .exists(path: ephemeralPath, watch: false)
            case .ping: .ping
            case .reconfigure(let joining, let leaving):
                .reconfig(joining: joining, leaving: leaving, newMembers: nil, version: -1)
            }
        lastXid += 1
        let xid = sent.opCode == .ping ? -2 : lastXid
        waiting.append((xid, request, sent.opCode))
        var writer = WireWriter()
        ZooKeeperRequestHeader(xid: xid, type: sent.opCode.rawValue).write(to: &writer)
        sent.write(to: &writer)
        return writer.buffer()
    }

    private static func create(_ path: String, _ mode: CreateMode) -> CreateOperation {
        CreateOperation(path: path, data: ByteBuffer(string: "0"), acl: ACL.open, mode: mode)
    }

    var connectFrame: ByteBuffer {
        var request = ConnectRequest(timeout: Self.timeout)
        request.sessionID = session
        request.password = password
        request.lastZxidSeen = lastZxid
        var writer = WireWriter()
        request.write(to: &writer)
        return writer.buffer()
    }
}
