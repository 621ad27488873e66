import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Security
import Synchronization
import Transport

/// The listeners of a coordinator, for clients.
final class Listening: Sendable {
    private struct State {
        var plaintext: Listener?
        var secure: Listener?
        /// Where plaintext is listened on, as it was asked for.
        var place: CoordinatorSettings.Endpoint?
        /// They accept nobody any more, and some of their connections live.
        var retired: [Listener] = []
    }

    private let settings: CoordinatorSettings
    private let bind: @Sendable (ListenerSettings) async throws -> Listener
    private let state = Mutex(State())

    /// Opens what `settings` ask for, or nothing.
    init(
        _ settings: CoordinatorSettings, on group: any EventLoopGroup, logger: Logger,
        mailbox: Mailbox<CoordinatorThread.Message>, throttle: Throttle, words: WordDesk
    ) async throws {
        self.settings = settings
        let connections = ConnectionNumbers()
        bind = { settings in
            try await Listener.bind(settings, on: group, logger: logger) { connection in
                ClientHandler(
                    id: connections.next(), connection: connection, mailbox: mailbox, throttle: throttle,
                    words: words)
            }
        }
        if let endpoint = settings.plaintext {
            let listener = try await bind(settings.listener("client", endpoint, .plaintext))
            state.withLock { state in
                state.plaintext = listener
                state.place = endpoint
            }
        }
        guard let endpoint = settings.secure else { return }
        do {
            let listener = try await bind(settings.listener("secure client", endpoint, .ssl))
            state.withLock { $0.secure = listener }
        } catch {
            try await close()
            throw error
        }
    }

    var ports: ClientPorts {
        state.withLock { ClientPorts(plaintext: $0.plaintext?.port, secure: $0.secure?.port) }
    }

    /// Listens elsewhere for plaintext from now on; who is connected stays. False when it does so already. One call at
    /// a time.
    ///
    /// - Throws: `Listener.Failure`. It then listens where it did, unless that has become impossible meanwhile.
    func move(to endpoint: CoordinatorSettings.Endpoint) async throws -> Bool {
        let (former, place) = state.withLock { ($0.plaintext, $0.place) }
        guard place != endpoint else { return false }
        // One port cannot be listened on twice, not even at two addresses when one of them means all.
        let isInTheWay = former?.port == endpoint.port
        if isInTheWay { try await former?.retire() }
        do {
            let listener = try await bind(settings.listener("client", endpoint, .plaintext))
            retire(former, for: listener, endpoint)
        } catch {
            if isInTheWay, let place {
                retire(former, for: try await bind(settings.listener("client", place, .plaintext)), place)
            }
            throw error
        }
        if !isInTheWay { try await former?.retire() }
        return true
    }

    private func retire(_ former: Listener?, for listener: Listener, _ endpoint: CoordinatorSettings.Endpoint) {
        state.withLock { state in
            state.retired.removeAll { $0.connectionCount == 0 }
            if let former { state.retired.append(former) }
            state.plaintext = listener
            state.place = endpoint
        }
    }

    /// Accepts nobody any more and ends all connections.
    func close() async throws {
        let listeners = state.withLock { [$0.plaintext, $0.secure].compactMap { $0 } + $0.retired }
        for listener in listeners { try await listener.close() }
    }
}

/// The ports that clients are served on in fact; nil for none.
struct ClientPorts: Sendable {
    var plaintext: Int?
    var secure: Int?
}

/// Counts connections over all listeners.
private final class ConnectionNumbers: Sendable {
    private let last = Atomic<UInt64>(0)

    func next() -> ConnectionID { ConnectionID(last.wrappingAdd(1, ordering: .relaxed).newValue) }
}

extension CoordinatorSettings {
    fileprivate func listener(
        _ name: String, _ endpoint: Endpoint, _ securityProtocol: SecurityProtocol
    ) -> ListenerSettings {
        ListenerSettings(
            name: name, host: endpoint.host, port: endpoint.port, securityProtocol: securityProtocol, tls: tls,
            hasRecordForEachPiece: true, maximumFrameSizeInBytes: maximumFrameSizeInBytes,
            // Sessions end the silence of clients; this ends that of those who never open one.
            maximumIdleTime: sessionTimeouts.upperBound * 2,
            maximumConnections: maximumConnections > 0 ? maximumConnections : nil,
            maximumConnectionsPerAddress: maximumConnectionsPerAddress > 0 ? maximumConnectionsPerAddress : nil)
    }
}
