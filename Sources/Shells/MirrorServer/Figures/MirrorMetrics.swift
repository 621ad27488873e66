import NIOCore
import Telemetry

/// Shows figures at `/metrics`: those of all links of a mirror, or what a tool has found out.
package struct MirrorMetrics: Sendable {
    private static let idleTimeout = Duration.seconds(60)

    private let listener: HTTPListener

    /// The port it listens on, also when the system chose it.
    package var port: Int { listener.port }

    /// - Parameter metrics: asked each time; those of one name have to stand together.
    /// - Throws: what the system says against that address.
    package static func start(
        _ settings: MirrorMetricsSettings, on group: any EventLoopGroup, metrics: @escaping @Sendable () -> [Metric]
    ) async throws -> MirrorMetrics {
        let listener = try await HTTPListener.bind(
            host: settings.host, port: settings.port, idleTimeout: idleTimeout, on: group
        ) { exchange in
            let request = exchange.request
            guard request.method == "GET" || request.method == "HEAD" else { return exchange.reply(.methodNotAllowed) }
            guard request.path == "/metrics" || request.path == "/metrics/" else { return exchange.reply(.notFound) }
            exchange.reply(
                HTTPAnswer(
                    contentType: PrometheusText.contentType,
                    body: PrometheusText.page(metrics() + ProcessFigures.metrics)))
        }
        return MirrorMetrics(listener: listener)
    }

    package func stop() async throws { try await listener.close() }
}
