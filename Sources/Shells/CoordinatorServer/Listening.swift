import CoordinatorKernel
import Logging
import NIOCore
import Platform
import Security
import Synchronization
import Transport

/// The listeners of a coordinator.
struct Listening: Sendable {
    private(set) var plaintext: Listener?
    private(set) var secure: Listener?

    /// Opens what `settings` ask for, or nothing.
    init(
        _ settings: CoordinatorSettings, on group: any EventLoopGroup, logger: Logger,
        mailbox: Mailbox<CoordinatorThread.Message>, throttle: Throttle, words: WordDesk
    ) async throws {
        let connections = ConnectionNumbers()
        func bind(
            _ name: String, _ endpoint: CoordinatorSettings.Endpoint?, _ securityProtocol: SecurityProtocol
        ) async throws -> Listener? {
            guard let endpoint else { return nil }
            return try await Listener.bind(
                settings.listener(name, endpoint, securityProtocol), on: group, logger: logger
            ) { connection in
                ClientHandler(
                    id: connections.next(), connection: connection, mailbox: mailbox, throttle: throttle,
                    words: words)
            }
        }
        plaintext = try await bind("client", settings.plaintext, .plaintext)
        do {
            secure = try await bind("secure client", settings.secure, .ssl)
        } catch {
            try await close()
            throw error
        }
    }

    var ports: ClientPorts { ClientPorts(plaintext: plaintext?.port, secure: secure?.port) }

    /// Accepts nobody any more and ends all connections.
    func close() async throws {
        for listener in [plaintext, secure].compactMap({ $0 }) { try await listener.close() }
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
            maximumFrameSizeInBytes: maximumFrameSizeInBytes,
            // Sessions end the silence of clients; this ends that of those who never open one.
            maximumIdleTime: sessionTimeouts.upperBound * 2,
            maximumConnections: maximumConnections > 0 ? maximumConnections : nil,
            maximumConnectionsPerAddress: maximumConnectionsPerAddress > 0 ? maximumConnectionsPerAddress : nil)
    }
}
