import Logging
import NIOCore
import Telemetry

/// Where and how the AdminServer listens.
package struct AdminSettings: Sendable, Equatable {
    package var endpoint: CoordinatorSettings.Endpoint
    /// In front of a command's name, without a slash at the end (`admin.commandURL`).
    package var commandPath = "/commands"
    /// Of connections on which nothing happens (`admin.idleTimeout`).
    package var idleTimeout: Duration = .seconds(30)

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
        answers: AdminAnswers
    ) async -> AdminServer? {
        let endpoint = settings.endpoint
        do {
            let listener = try await HTTPListener.bind(
                host: endpoint.host, port: endpoint.port, idleTimeout: settings.idleTimeout, on: group
            ) { request, reply in
                guard request.method == "GET" || request.method == "HEAD" else { return reply(.methodNotAllowed) }
                inquiries.post { kernel in
                    reply(Self.answer(request, below: settings.commandPath, answers, kernel))
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
