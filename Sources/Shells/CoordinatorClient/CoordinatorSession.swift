import Logging
import NIOCore
import Synchronization
import Transport
import WireCoding
import ZooKeeperProtocol

/// What happens to a session, in order with the replies it gets: what a change tells is told before any reply that
/// could show the change.
package enum SessionEvent: Sendable, Equatable {
    /// A connection stands, and the watches of an earlier one are set again. What persistent watches would have told
    /// meanwhile is lost.
    case connected
    /// The session may live on; the next connection is being tried.
    case disconnected
    case changed(WatchedEvent)
    /// The end: a new session is a new ``CoordinatorSession``.
    case expired
    /// The end as well: a server does not accept the credentials.
    case notAuthenticated
}

/// One session with a coordinator, over one connection after the other.
///
///     start() ─▶ connecting ⇄ connected ─▶ ended (expired, credentials not accepted, or closed by us)
///
/// Requests are sent as they are given, many at a time, and answered in that order. What is asked while there is no
/// connection fails at once; what was on its way when a connection is lost fails with
/// ``CoordinatorError/connectionLost(_:)``.
package final class CoordinatorSession: Sendable {
    enum Phase {
        case connecting
        case connected(Connection)
        case ended(CoordinatorError)
    }

    typealias Connected = Result<Void, CoordinatorError>

    struct Pending {
        var xid: Int32
        /// With whole paths.
        var request: ZooKeeperRequest
        var batch: RequestBatch
        var index: Int
    }

    /// What `addauth` sends.
    struct Credential: Equatable {
        var scheme: String
        var secret: ByteBuffer
    }

    /// A credential on its way to a server, and who waits for the answer: nobody when it was proved before.
    struct Proof {
        var credential: Credential
        var batch: RequestBatch?
    }

    struct State {
        var phase = Phase.connecting
        /// 0 before a server has granted the session.
        var sessionID: Int64 = 0
        var password = ByteBuffer(repeating: 0, count: 16)
        /// What the server granted.
        var timeout: Duration
        var lastZxid: Int64 = 0
        var lastXid: Int32 = 0
        var watches = SessionWatches()
        /// Oldest first.
        var pending = CircularBuffer<Pending>()
        /// Why the last attempt failed, for who gives up waiting.
        var lastFailure = "no server answered"
        /// Who waits for a connection, by numbers of their own.
        var waiting: [Int: CheckedContinuation<Connected, Never>] = [:]
        var lastWaiting = 0
        /// Whether the connection that stands is to a server that answers reads alone.
        var isReadOnly = false
        /// A server without its ensemble grants sessions that no other server knows.
        var hasSeenWritableServer = false
        /// What the session has proved, for the next connection.
        var credentials: [Credential] = []
        /// Proofs that are on their way, the oldest first.
        var proofs = CircularBuffer<Proof>()
        var driver: Task<Void, Never>?
    }

    /// How long ``close()`` waits.
    private static let farewell = Duration.seconds(3)

    package let settings: CoordinatorSettings
    let chroot: Chroot
    let logger: Logger
    let state: Mutex<State>
    let group: any EventLoopGroup
    let events: @Sendable (SessionEvent) -> Void

    /// `events` is called on the connection's event loop, one event at a time; it must not wait for anything.
    package init(
        _ settings: CoordinatorSettings, on group: any EventLoopGroup, logger: Logger,
        events: @escaping @Sendable (SessionEvent) -> Void
    ) {
        precondition(!settings.servers.isEmpty, "a session without a server")
        self.settings = settings
        chroot = Chroot(folder: settings.chroot)
        self.group = group
        self.logger = logger
        self.events = events
        state = Mutex(State(timeout: settings.sessionTimeout))
    }

    /// The session's number at the server; 0 before it was granted.
    package var id: Int64 { state.withLock { $0.sessionID } }

    /// What the server granted; before that, what is asked for.
    package var timeout: Duration { state.withLock { $0.timeout } }

    /// How the session stands with its servers.
    package enum Standing: Sendable, Equatable {
        case connecting
        /// To the server of this name; one that is read-only has lost its ensemble.
        case connected(to: String, readOnly: Bool)
        case ended
    }

    package var standing: Standing {
        state.withLock { state in
            switch state.phase {
            case .connecting: .connecting
            case .connected(let connection): .connected(to: connection.name, readOnly: state.isReadOnly)
            case .ended: .ended
            }
        }
    }

    /// Opens the session. Throws ``CoordinatorError`` when no server has granted one in
    /// ``CoordinatorSettings/connectionTimeout``, or when one does not accept the credentials; the session is then
    /// closed. Called once.
    package func start() async throws(CoordinatorError) {
        let driver = Task { await self.keepConnected() }
        state.withLock { $0.driver = driver }
        let deadline = group.any().scheduleTask(in: TimeAmount(settings.connectionTimeout)) { self.giveUp() }
        defer { deadline.cancel() }
        try await untilConnected()
    }

    /// Returns when there is a connection; throws when the session has ended, or there is none within `patience`.
    package func untilConnected(within patience: Duration? = nil) async throws(CoordinatorError) {
        let result = await withCheckedContinuation { (waiting: CheckedContinuation<Connected, Never>) in
            let (answer, number) = state.withLock { state -> (Connected?, Int) in
                switch state.phase {
                case .connecting:
                    state.lastWaiting += 1
                    state.waiting[state.lastWaiting] = waiting
                    return (nil, state.lastWaiting)
                case .connected: return (.success(()), 0)
                case .ended(let error): return (.failure(error), 0)
                }
            }
            if let answer { return waiting.resume(returning: answer) }
            guard let patience else { return }
            group.any().scheduleTask(in: TimeAmount(patience)) { self.waitedInVain(number, for: patience) }
        }
        try result.get()
    }

    private func waitedInVain(_ number: Int, for patience: Duration) {
        let (waiting, reason) = state.withLock { ($0.waiting.removeValue(forKey: number), $0.lastFailure) }
        waiting?.resume(returning: .failure(.connectionLost("none within \(patience): \(reason)")))
    }

    /// Ends the session, so that its ephemeral nodes go at once. When there is no connection, or no reply within
    /// ``farewell``, they go when the server finds the session expired.
    package func close() async {
        let deadline = group.any().scheduleTask(in: TimeAmount(Self.farewell)) { _ = self.end(.closed) }
        defer { deadline.cancel() }
        switch await perform([.closeSession])[0] {
        case .success, .failure(.sessionExpired): break
        case .failure(let error): logger.info("left a session to expire at the coordinator: \(error)")
        }
        end(.closed)
    }

    /// Asks all of `requests` at once; results are in their order.
    package func perform(_ requests: [ZooKeeperRequest]) async -> [Result<ZooKeeperReply, CoordinatorError>] {
        await performWhole(requests.map { chroot.whole($0) })
    }

    /// Asks one thing of the tree as the servers know it, whatever the folder of the session.
    package func performOutsideChroot(_ request: ZooKeeperRequest) async throws(CoordinatorError) -> ZooKeeperReply {
        try await performWhole([request])[0].get()
    }

    /// Asks one thing.
    package func perform(_ request: ZooKeeperRequest) async throws(CoordinatorError) -> ZooKeeperReply {
        try await perform([request])[0].get()
    }

    /// Makes the folder of ``CoordinatorSettings/chroot`` and those above it, where they are absent.
    package func createChroot(acl: [ACL] = ACL.open) async throws(CoordinatorError) {
        for folder in chroot.folders {
            let create = CreateOperation(path: folder, data: nil, acl: acl, mode: .persistent)
            do {
                _ = try await performWhole([.change(.create(create))])[0].get()
            } catch .refused(.nodeExists, _) {
                continue
            }
        }
    }

    private func performWhole(_ requests: [ZooKeeperRequest]) async -> [Result<ZooKeeperReply, CoordinatorError>] {
        if requests.isEmpty { return [] }
        return await withCheckedContinuation { continuation in
            let batch = RequestBatch(count: requests.count, continuation)
            let refusal = state.withLock { state -> CoordinatorError? in
                switch state.phase {
                case .connecting: return .connectionLost("none stands")
                case .ended(let error): return error
                case .connected(let connection):
                    for (index, request) in requests.enumerated() {
                        state.lastXid = state.lastXid == Int32.max ? 1 : state.lastXid + 1
                        state.pending.append(
                            Pending(xid: state.lastXid, request: request, batch: batch, index: index))
                        connection.send(Self.message(request, xid: state.lastXid))
                    }
                    return nil
                }
            }
            if let refusal { for index in requests.indices { batch.answer(index, .failure(refusal)) } }
        }
    }
}
