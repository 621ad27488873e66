import Logging
import NIOCore
import Security
import Telemetry
import Transport

/// Where and how the AdminServer listens.
package struct AdminSettings: Sendable, Equatable {
    package var endpoint: CoordinatorSettings.Endpoint
    /// In front of a command's name, without a slash at the end (`admin.commandURL`).
    package var commandPath = "/commands"
    /// Of connections on which nothing happens (`admin.idleTimeout`).
    package var idleTimeout: Duration = .seconds(30)
    /// Key and certificate; nil where nobody may speak TLS (`admin.portUnification`, `admin.forceHttps`).
    package var tls: TLSSettings?
    /// Whether operators may do without TLS (unless `admin.forceHttps`).
    package var takesPlaintext = true
    /// How long after a snapshot, or a restore, there may be another (`admin.rateLimiterIntervalInMS`).
    package var stateInterval: Duration = .seconds(300)
    /// Whether operators may have snapshots (`admin.snapshot.enabled`).
    package var allowsSnapshot = true
    /// Whether operators may put a backup in the place of everything (`admin.restore.enabled`).
    package var allowsRestore = true

    package init(endpoint: CoordinatorSettings.Endpoint) { self.endpoint = endpoint }
}

/// Operators' HTTP port: Apache ZooKeeper's commands as JSON, and ``Health``.
///
/// A port that cannot be had does no harm to clients: it is a warning, as for the members of an Apache ensemble.
struct AdminServer: Sendable {
    private let listener: HTTPListener

    var port: Int { listener.port }

    /// nil, with a warning in the log, when there can be none at that address.
    static func start(
        _ settings: AdminSettings, on group: any EventLoopGroup, logger: Logger, inquiries: InquiryThread,
        answers: AdminAnswers, states: StateCommands
    ) async -> AdminServer? {
        let endpoint = settings.endpoint
        do {
            let tls = try settings.tls.map { tls in
                try TLSInFront(server: tls, takesPlaintext: settings.takesPlaintext, logger: logger)
            }
            let listener = try await HTTPListener.bind(
                host: endpoint.host, port: endpoint.port, idleTimeout: settings.idleTimeout, on: group,
                prepare: { channel, identified in
                    try tls?.prepare(channel) { if let certificate = $0 { identified(certificate.subject) } }
                }
            ) { exchange in
                let request = exchange.request
                let command = Self.command(request, below: settings.commandPath)
                let method = request.method == "HEAD" ? "GET" : request.method
                guard method == command?.method ?? "GET" else { return exchange.reply(.methodNotAllowed) }
                if let command, command.movesState { return states.answer(command, exchange) }
                inquiries.post { kernel in
                    exchange.reply(Self.answer(request, below: settings.commandPath, answers, kernel))
                }
            }
            return AdminServer(listener: listener)
        } catch {
            logger.warning(
                "no AdminServer on \(endpoint.host):\(endpoint.port): \(error); clients are served all the same")
            return nil
        }
    }

    func stop() async throws { try await listener.close() }

    /// nil when something else is asked for.
    private static func command(_ request: HTTPRequest, below commandPath: String) -> AdminCommand? {
        guard request.path.hasPrefix(commandPath + "/") else { return nil }
        return AdminCommand(named: String(request.path.dropFirst(commandPath.count + 1)))
    }

    private static func answer(
        _ request: HTTPRequest, below commandPath: String, _ answers: AdminAnswers, _ kernel: KernelWindow
    ) -> HTTPAnswer {
        if let health = Health(path: request.path) { return health.answer(seenThrough: kernel) }
        guard request.path.hasPrefix(commandPath) else { return .notFound }
        let rest = request.path.dropFirst(commandPath.count)
        if rest.isEmpty || rest == "/" {
            return HTTPAnswer(contentType: "text/html;charset=utf-8", body: links(below: commandPath))
        }
        guard rest.first == "/" else { return .notFound }
        let json = answers.answer(to: String(rest.dropFirst()), request.arguments, seenThrough: kernel)
        return HTTPAnswer(contentType: "application/json", body: json.prettyText)
    }

    private static func links(below commandPath: String) -> String {
        AdminCommand.allCases.map(\.rawValue).sorted()
            .map { "<a href=\"\(commandPath)/\($0)\">\($0)</a>\n<br/>\n" }.joined()
    }
}
