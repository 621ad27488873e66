import CoordinatorClient
import Logging
import NIOPosix
import Transport

/// How a shell connects, whatever the servers.
struct ShellConnectionOptions: Sendable {
    /// Of the session, as it is asked for.
    var timeout = Duration.milliseconds(30_000)
    /// How long a command waits for a connection.
    var patience = Duration.seconds(10)
    /// Whether a server without its ensemble will do.
    var acceptsReadOnly = false
    var tls: TLSContexts?
    var login: CoordinatorLogin?
}

/// A shell's session with the servers of one connect string.
final class ShellConnection: Sendable {
    /// As it was given, for the prompt.
    let address: String
    let session: CoordinatorSession
    private let events: ShellEvents

    /// - Parameter output: is told what happens to the session, and what watches tell.
    init(
        address: String, _ options: ShellConnectionOptions, output: ShellOutput
    ) throws(CoordinatorSettings.UnreadableAddress) {
        self.address = address
        var settings = try CoordinatorSettings(connect: address)
        settings.sessionTimeout = options.timeout
        settings.connectionTimeout = options.patience
        settings.acceptsReadOnly = options.acceptsReadOnly
        settings.tls = options.tls
        settings.login = options.login
        // The shell says in its own words what happens.
        let logger = Logger(label: "martlet", factory: { _ in SwiftLogNoOpLogHandler() })
        let events = ShellEvents(output)
        self.events = events
        session = CoordinatorSession(settings, on: MultiThreadedEventLoopGroup.singleton, logger: logger) { event in
            events.tell(event)
        }
        events.follow(session)
    }

    /// Opens the session. Throws ``CoordinatorError`` when that takes longer than the options allow.
    func open() async throws(CoordinatorError) { try await session.start() }

    /// Ends the session, and with it its ephemeral nodes.
    func close() async {
        events.leave()
        await session.close()
    }

    /// As the prompt shows it.
    var standing: String {
        switch session.standing {
        case .connecting: "CONNECTING"
        case .connected(_, readOnly: false): "CONNECTED"
        case .connected(_, readOnly: true): "CONNECTEDREADONLY"
        case .ended: "CLOSED"
        }
    }
}
