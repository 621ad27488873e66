import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport
import WireCoding
import ZooKeeperProtocol

/// A coordinator without a disk on a loopback port, as simple as it can be: what a broker asks of one, and no more.
/// Its sessions expire when a test says so.
final class MemoryCoordinator: Sendable {
    struct Node {
        var data: ByteBuffer?
        var stat: Stat
        var nextSequence = 0
    }

    private struct Session {
        var connection: Connection
        var plainWatches: Set<String> = []
        var childWatches: Set<String> = []
        var recursiveWatches: Set<String> = []
    }

    private struct State {
        var nodes: [String: Node] = ["/": Node(stat: Stat())]
        var zxid: Int64 = 0
        var lastSession: Int64 = 0
        var sessions: [Int64: Session] = [:]
        /// Whose connection is to be ended.
        var expired: [Connection] = []
        /// Milliseconds since 1970, as the test says.
        var time: Int64 = 1_000_000
    }

    static let group = MultiThreadedEventLoopGroup.singleton
    private let state = Mutex(State())
    private let listener = Mutex<Listener?>(nil)
    private let knowsRecursiveWatches: Bool

    init(knowsRecursiveWatches: Bool = true) { self.knowsRecursiveWatches = knowsRecursiveWatches }

    func start() async throws {
        let listener = try await Listener.bind(
            ListenerSettings(name: "MEMORY", host: "127.0.0.1", port: 0), on: Self.group, logger: silentLogger
        ) { _ in MemoryConnection(self) }
        self.listener.withLock { $0 = listener }
    }

    func stop() async throws { try await listener.withLock { $0 }?.close() }

    var connect: String { "127.0.0.1:\(listener.withLock { $0?.port ?? 0 })" }

    /// Path and data of every node, null as nil.
    var tree: [String: String?] {
        state.withLock { state in state.nodes.mapValues { $0.data.map { String(buffer: $0) } } }
    }

    func stat(_ path: String) -> Stat? { state.withLock { $0.nodes[path]?.stat } }

    /// Makes or changes a node, as a client would.
    func put(_ path: String, _ text: String?, ephemeralOwner: Int64 = 0) {
        state.withLock { state in
            let data = text.map { ByteBuffer(string: $0) }
            if state.nodes[path] != nil {
                _ = apply(.setData(path: path, data: data, version: -1), of: 0, &state)
            } else {
                let create = CreateOperation(
                    path: path, data: data, acl: ACL.open, mode: ephemeralOwner == 0 ? .persistent : .ephemeral)
                _ = apply(.create(create), of: ephemeralOwner, &state)
            }
        }
    }

    /// Removes a node that has no children.
    func remove(_ path: String) {
        state.withLock { state in _ = apply(.delete(path: path, version: -1), of: 0, &state) }
    }

    func pass(milliseconds: Int64) { state.withLock { $0.time += milliseconds } }

    func expireSessions() {
        let connections = state.withLock { state in
            for id in state.sessions.keys.sorted() { end(id, &state) }
            defer { state.expired = [] }
            return state.expired
        }
        for connection in connections { connection.close(.shutDown) }
    }

    func dropConnections() {
        for connection in state.withLock({ $0.sessions.values.map(\.connection) }) { connection.close(.shutDown) }
    }

    private func end(_ id: Int64, _ state: inout State) {
        for (path, node) in state.nodes.sorted(by: { $0.key < $1.key }) where node.stat.ephemeralOwner == id {
            _ = apply(.delete(path: path, version: -1), of: id, &state)
        }
        if let session = state.sessions.removeValue(forKey: id) { state.expired.append(session.connection) }
    }

    // MARK: - Requests

    fileprivate func open(_ request: ConnectRequest, _ connection: Connection) -> Int64? {
        let (id, timeout) = state.withLock { state -> (Int64, Int32) in
            if request.sessionID == 0 {
                state.lastSession += 1
                state.sessions[state.lastSession] = Session(connection: connection)
                return (state.lastSession, request.timeout)
            }
            guard state.sessions[request.sessionID] != nil else { return (0, 0) }
            state.sessions[request.sessionID] = Session(connection: connection)
            return (request.sessionID, request.timeout)
        }
        let password = ByteBuffer(repeating: 1, count: 16)
        send(connection) { writer in
            ConnectResponse(timeout: timeout, sessionID: id, password: password, readOnly: false).write(to: &writer)
        }
        return id == 0 ? nil : id
    }

    fileprivate func answer(_ xid: Int32, _ request: ZooKeeperRequest, of session: Int64, _ connection: Connection) {
        state.withLock { state in
            let result: Result<ZooKeeperReply, ZooKeeperError>
            switch request {
            case .ping: result = .success(.empty)
            case .closeSession:
                end(session, &state)
                result = .success(.empty)
            case .change(let operation): result = apply(operation, of: session, &state).map(Self.reply)
            case .multi(let operations): result = .success(.results(multi(operations, of: session, &state)))
            case .setWatches(let paths), .setWatches2(let paths):
                state.sessions[session]?.plainWatches.formUnion(paths.data + paths.exist)
                state.sessions[session]?.childWatches.formUnion(paths.child)
                state.sessions[session]?.recursiveWatches.formUnion(paths.persistentRecursive)
                result = .success(.empty)
            case .addWatch(let path, _):
                if knowsRecursiveWatches { state.sessions[session]?.recursiveWatches.insert(path) }
                result = knowsRecursiveWatches ? .success(.number(0)) : .failure(.unimplemented)
            default: result = read(request, of: session, &state)
            }
            var error = ZooKeeperError.ok
            if case .failure(let refusal) = result { error = refusal }
            let header = ZooKeeperReplyHeader(xid: xid, zxid: state.zxid, error: error)
            send(connection) { writer in
                header.write(to: &writer)
                if case .success(let reply) = result { reply.write(to: &writer) }
            }
            // As Apache's servers do with what they do not know.
            if error == .unimplemented { connection.close(.ended) }
        }
    }

    private func read(
        _ request: ZooKeeperRequest, of session: Int64, _ state: inout State
    ) -> Result<ZooKeeperReply, ZooKeeperError> {
        switch request {
        case .exists(let path, let watch):
            if watch { state.sessions[session]?.plainWatches.insert(path) }
            return state.nodes[path].map { .success(.stat($0.stat)) } ?? .failure(.noNode)
        case .getData(let path, _):
            return state.nodes[path].map { .success(.data($0.data, $0.stat)) } ?? .failure(.noNode)
        case .getChildren(let path, let watch):
            guard state.nodes[path] != nil else { return .failure(.noNode) }
            if watch { state.sessions[session]?.childWatches.insert(path) }
            return .success(.strings(Self.children(of: path, state)))
        default: return .failure(.unimplemented)
        }
    }

    private static func children(of path: String, _ state: State) -> [String] {
        let prefix = path == "/" ? path : "\(path)/"
        return state.nodes.keys.filter { $0.hasPrefix(prefix) && $0 != path }.map { String($0.dropFirst(prefix.count)) }
            .filter { !$0.contains("/") }
    }

    private static func reply(_ result: OperationResult) -> ZooKeeperReply {
        switch result {
        case .created(let path): .path(path)
        case .dataSet(let stat): .stat(stat)
        default: .empty
        }
    }

    /// All or nothing: tried on a copy, of which nothing is told before it counts.
    private func multi(_ operations: [Operation], of session: Int64, _ state: inout State) -> [OperationResult] {
        var copy = State(nodes: state.nodes, zxid: state.zxid)
        for (index, operation) in operations.enumerated() {
            guard case .failure(let error) = apply(operation, of: session, &copy) else { continue }
            return operations.indices.map { place in
                .failed(place < index ? .ok : place == index ? error : .runtimeInconsistency)
            }
        }
        return operations.compactMap { operation in
            guard case .success(let result) = apply(operation, of: session, &state) else { return nil }
            return result
        }
    }

    private func apply(
        _ operation: Operation, of session: Int64, _ state: inout State
    ) -> Result<OperationResult, ZooKeeperError> {
        switch operation {
        case .create(var create):
            let parent = Self.parent(of: create.path)
            guard let mode = CreateMode(rawValue: create.flags), state.nodes[parent] != nil else {
                return .failure(.noNode)
            }
            if mode.isSequential {
                let digits = String(state.nodes[parent]?.nextSequence ?? 0)
                create.path += String(repeating: "0", count: 10 - digits.count) + digits
            }
            guard state.nodes[create.path] == nil else { return .failure(.nodeExists) }
            state.zxid += 1
            state.nodes[parent]?.nextSequence += 1
            var stat = Stat()
            stat.czxid = state.zxid
            stat.ctime = state.time
            if mode.isEphemeral { stat.ephemeralOwner = session }
            state.nodes[create.path] = Node(data: create.data, stat: stat)
            tell(.nodeCreated, create.path, &state)
            return .success(.created(path: create.path))
        case .delete(let path, let version):
            guard let node = state.nodes[path] else { return .failure(.noNode) }
            guard version == -1 || version == node.stat.version else { return .failure(.badVersion) }
            guard Self.children(of: path, state).isEmpty else { return .failure(.notEmpty) }
            state.zxid += 1
            state.nodes[path] = nil
            tell(.nodeDeleted, path, &state)
            return .success(.deleted)
        case .setData(let path, let data, let version):
            guard var node = state.nodes[path] else { return .failure(.noNode) }
            guard version == -1 || version == node.stat.version else { return .failure(.badVersion) }
            state.zxid += 1
            node.data = data
            node.stat.version += 1
            state.nodes[path] = node
            tell(.nodeDataChanged, path, &state)
            return .success(.dataSet(node.stat))
        case .check(let path, let version):
            guard let node = state.nodes[path] else { return .failure(.noNode) }
            return version == node.stat.version ? .success(.checked) : .failure(.badVersion)
        default: return .failure(.unimplemented)
        }
    }

    private static func parent(of path: String) -> String {
        let names = path.split(separator: "/").dropLast()
        return "/" + names.joined(separator: "/")
    }

    // MARK: - Watches

    private func tell(_ kind: WatchedEvent.Kind, _ path: String, _ state: inout State) {
        for id in state.sessions.keys.sorted() {
            guard var session = state.sessions[id] else { continue }
            let isBelow = session.recursiveWatches.contains { path == $0 || path.hasPrefix("\($0)/") }
            if session.plainWatches.remove(path) != nil || isBelow {
                send(WatchedEvent(kind, path: path), session.connection)
            }
            let parent = Self.parent(of: path)
            if kind != .nodeDataChanged, session.childWatches.remove(parent) != nil {
                send(WatchedEvent(.nodeChildrenChanged, path: parent), session.connection)
            }
            state.sessions[id] = session
        }
    }

    private func send(_ event: WatchedEvent, _ connection: Connection) {
        send(connection) { writer in
            ZooKeeperReplyHeader(xid: SpecialXID.watchEvent, zxid: -1).write(to: &writer)
            event.write(to: &writer)
        }
    }

    private func send(_ connection: Connection, _ write: (inout WireWriter) -> Void) {
        var writer = WireWriter()
        writer.int32(0)
        write(&writer)
        connection.send(writer.framedPieces())
    }
}

private final class MemoryConnection: ConnectionHandler {
    private let coordinator: MemoryCoordinator
    private var session: Int64?

    init(_ coordinator: MemoryCoordinator) { self.coordinator = coordinator }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        do throws(MalformedInput) {
            for frame in frames {
                guard let session else {
                    let request = try WireReader.read(frame) { reader throws(MalformedInput) in
                        try ConnectRequest(reading: &reader)
                    }
                    session = coordinator.open(request, connection)
                    continue
                }
                let (header, request) = try WireReader.read(frame) { reader throws(MalformedInput) in
                    let header = try ZooKeeperRequestHeader(reading: &reader)
                    guard let opCode = OpCode(rawValue: header.type) else {
                        throw MalformedInput(.custom("no such request"), at: 4)
                    }
                    return (header, try ZooKeeperRequest(opCode, reading: &reader))
                }
                if let request { coordinator.answer(header.xid, request, of: session, connection) }
            }
        } catch {
            connection.close(.badInput("\(error)"))
        }
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {}
}

let silentLogger = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
