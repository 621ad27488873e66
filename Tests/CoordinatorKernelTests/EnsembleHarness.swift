import NIOCore
import Quorum
import Seams
import Testing
import WireCoding
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// Kernels that are members of one ensemble, over a network and disks without faults; members can be cut off.
///
/// Connections are numbered by the test; each belongs to one member.
struct EnsembleHarness {
    var kernels: [MemberID: CoordinatorKernel] = [:]
    var now = Instant(nanoseconds: 0, unixMilliseconds: 1_000_000_000)
    /// Members nobody hears, and who hear nobody.
    var cutOff: Set<MemberID> = []
    /// Frames that each connection was sent and did not take yet, without lengths.
    var sent: [UInt64: [ByteBuffer]] = [:]
    var ended: Set<UInt64> = []
    private var connections: [UInt64: MemberID] = [:]
    private var underWay: [(from: MemberID, to: MemberID, message: PeerMessage)] = []
    private(set) var reported: [MemberID: [CoordinatorNews]] = [:]
    private let quorum: QuorumSettings
    /// What is on the members' disks, and how often it was truncated or replaced.
    private var logs: [MemberID: (entries: [LogEntry], truncationCount: Int)] = [:]
    /// Snapshots that are on their way to a member, and those that have arrived.
    private var arriving: [MemberID: (zxid: Int64, tree: RestoredTree)] = [:]
    private(set) var arrived: [MemberID: RestoredTree] = [:]
    /// Trees that are to be restored from a log, by their numbers.
    private(set) var restoring: [MemberID: (number: Int, tree: RestoredTree)] = [:]

    init(
        _ count: Int64 = 3, observers: Int64 = 0, quorum: QuorumSettings = QuorumSettings(),
        _ change: (inout KernelSettings) -> Void = { _ in }
    ) {
        self.quorum = quorum
        let membership = Membership(
            (1...count + observers).map { number in
                let isVoter = number <= count
                return Membership.Member(id: MemberID(number), isVoter: isVoter, address: "host\(number):2888:3888")
            })
        for member in membership.members { start(member.id, membership, nil, change) }
    }

    /// Members that all have the same state, and nothing else, on their disks.
    init(_ count: Int64 = 3, restoredFrom state: TreeState) throws {
        let members = (1...count).map { Membership.Member(id: MemberID($0), address: "host\($0):2888:3888") }
        quorum = QuorumSettings()
        for member in members {
            var tree = RestoredTree(ZNodesSettings())
            var chunks = state.snapshotChunks()
            while let chunk = chunks.next() { try tree.load(chunk) }
            try tree.finishLoading()
            start(member.id, Membership(members), tree)
        }
    }

    /// Starts a member with nothing on its disk, or with a snapshot alone.
    mutating func start(
        _ id: MemberID, _ membership: Membership, _ tree: RestoredTree? = nil,
        _ change: (inout KernelSettings) -> Void = { _ in }
    ) {
        var settings = KernelSettings(
            sessionSecret: Array(repeating: UInt8(id.number), count: SessionSecret.size))
        settings.allowsReconfiguration = true
        change(&settings)
        let start = MemberStart(
            id: id, quorum: quorum, membership: membership, promise: QuorumPromise(), entries: [],
            snapshotZxid: tree?.state.lastZxid ?? 0, seed: 1)
        let tree = tree ?? RestoredTree(settings.tree)
        kernels[id] = CoordinatorKernel(settings, restored: tree, memberOf: start, at: now)
    }

    var leader: MemberID? {
        kernels.keys.sorted().first { id in
            if case .leader = kernels[id]?.role { !cutOff.contains(id) } else { false }
        }
    }

    var followers: [MemberID] { kernels.keys.sorted().filter { kernels[$0]?.role == .follower } }

    /// Lets time pass until `isReached`, at most for a minute.
    mutating func run(until isReached: (EnsembleHarness) -> Bool) throws {
        let end = now + .seconds(60)
        while !isReached(self) {
            try #require(now < end, "not reached within a minute")
            now = now + .milliseconds(20)
            for id in kernels.keys.sorted() { step(id, .ticked) }
            deliver()
        }
    }

    mutating func elect() throws { try run { $0.leader != nil && $0.followers.count == $0.kernels.count - 1 } }

    mutating func step(_ id: MemberID, _ event: CoordinatorEvent) {
        perform(event, at: id)
        perform(.turnEnded, at: id)
    }

    /// Lets everything that is under way arrive, and all that follows from it.
    mutating func deliver() {
        while !underWay.isEmpty {
            let (from, to, message) = underWay.removeFirst()
            guard !cutOff.contains(from), !cutOff.contains(to), kernels[to] != nil else { continue }
            step(to, .heard(from, [message]))
        }
    }

    private mutating func perform(_ event: CoordinatorEvent, at id: MemberID) {
        var effects: [CoordinatorEffect] = []
        kernels[id]?.step(event, at: now, into: &effects)
        var last: Int64?
        for effect in effects {
            switch effect {
            case .append(let entry):
                last = entry.zxid
                logs[id, default: ([], 0)].entries.append(entry)
            case .truncate(let zxid):
                logs[id, default: ([], 0)].entries.removeAll { $0.zxid > zxid }
                logs[id]?.truncationCount += 1
            case .restore(let number, let end): restore(number, upTo: end, at: id)
            case .receiveSnapshot, .receiveChunk, .loadSnapshot, .installSnapshot, .discardSnapshot:
                receive(effect, at: id)
            case .tell(let member, let message): underWay.append((id, member, message))
            case .send(let connection, var frame):
                frame.moveReaderIndex(forwardBy: 4)
                sent[connection.number, default: []].append(frame)
            case .close(let connection), .reject(let connection, _): ended.insert(connection.number)
            case .report(let news): reported[id, default: []].append(news)
            case .promise, .connect, .agreed, .takeSnapshot: break
            case .authenticate, .fail:
                Issue.record("\(effect) without a fault")
            }
        }
        if let last { perform(.synced(upTo: last, truncationCount: logs[id]?.truncationCount ?? 0), at: id) }
    }

    // MARK: Trees from elsewhere

    /// The tree as it comes from the log, later: when the test says so.
    private mutating func restore(_ number: Int, upTo end: Int64, at id: MemberID) {
        var tree = RestoredTree(ZNodesSettings(), upTo: end)
        do {
            for entry in logs[id]?.entries ?? [] { try tree.replay(entry) }
        } catch {
            Issue.record("\(error)")
        }
        restoring[id] = (number, tree)
    }

    mutating func endRestoring(_ id: MemberID) throws {
        let (number, tree) = try #require(restoring[id])
        restoring[id] = nil
        step(id, .restored(tree, number: number))
    }

    private mutating func receive(_ effect: CoordinatorEffect, at id: MemberID) {
        do {
            switch effect {
            case .receiveSnapshot(let zxid): arriving[id] = (zxid, RestoredTree(ZNodesSettings()))
            case .receiveChunk(let chunk, let number):
                try arriving[id]?.tree.load(chunk)
                perform(.chunkTaken(zxid: arriving[id]?.zxid ?? 0, number: number), at: id)
            case .loadSnapshot:
                try arriving[id]?.tree.finishLoading()
                arrived[id] = arriving[id]?.tree
            case .installSnapshot:
                logs[id] = ([], (logs[id]?.truncationCount ?? 0) + 1)
                perform(.snapshotInstalled, at: id)
            default: (arriving[id], arrived[id]) = (nil, nil)
            }
        } catch {
            Issue.record("\(error)")
        }
    }

    mutating func endLoading(_ id: MemberID) throws {
        let tree = try #require(arrived[id])
        arrived[id] = nil
        step(id, .snapshotLoaded(tree))
    }

    /// Lets time pass, whatever happens.
    mutating func run(for duration: Duration) {
        let end = now + duration
        while now < end {
            now = now + .milliseconds(20)
            for id in kernels.keys.sorted() { step(id, .ticked) }
            deliver()
        }
    }

    /// What a member has said to its audit log, as operations and paths.
    func audited(at id: MemberID) -> [String] {
        (reported[id] ?? []).compactMap { news in
            guard case .audited(let entry) = news else { return nil }
            return "\(entry.operation.rawValue) \(entry.path ?? "-") \(entry.result.rawValue)"
        }
    }

    // MARK: Clients

    /// Connects a client to a member and opens or resumes a session.
    mutating func connect(
        _ connection: UInt64, to id: MemberID, _ request: ConnectRequest = ConnectRequest(timeout: 10_000)
    ) throws -> ConnectResponse {
        connections[connection] = id
        step(id, .connected(ConnectionID(connection), address: "c:1", host: "c", subject: nil))
        var writer = WireWriter()
        request.write(to: &writer)
        step(id, .received(ConnectionID(connection), [writer.buffer()]))
        deliver()
        return try WireReader.read(try next(connection)) { reader throws(MalformedInput) in
            try ConnectResponse(reading: &reader)
        }
    }

    /// Sends a request without letting anything arrive between members.
    mutating func ask(_ connection: UInt64, _ requests: ZooKeeperRequest...) {
        guard let id = connections[connection] else { return }
        step(id, .received(ConnectionID(connection), requests.map { KernelHarness.frame($0) }))
    }

    mutating func next(_ connection: UInt64) throws -> ByteBuffer {
        try #require(sent[connection]?.isEmpty == false, "nothing was sent to connection \(connection)")
        return sent[connection, default: []].removeFirst()
    }

    mutating func reply(
        _ connection: UInt64, to opCode: OpCode
    ) throws -> (header: ZooKeeperReplyHeader, body: ZooKeeperReply) {
        deliver()
        return try WireReader.read(try next(connection)) { reader throws(MalformedInput) in
            let header = try ZooKeeperReplyHeader(reading: &reader)
            return (header, header.error == .ok ? try ZooKeeperReply(to: opCode, reading: &reader) : .empty)
        }
    }

    static func create(_ path: String, _ mode: CreateMode = .persistent) -> ZooKeeperRequest {
        .change(.create(CreateOperation(path: path, data: nil, acl: ACL.open, mode: mode)))
    }
}
