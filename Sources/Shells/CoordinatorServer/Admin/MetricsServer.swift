import NIOCore
import Telemetry

/// Where Prometheus finds the metrics, and how many of them.
package struct MetricsSettings: Sendable, Equatable {
    package var endpoint: CoordinatorSettings.Endpoint
    /// Whether the process is told of besides (`metricsProvider.exportJvmInfo`).
    package var includesProcess = true

    package init(endpoint: CoordinatorSettings.Endpoint) { self.endpoint = endpoint }
}

/// Prometheus' port: `/metrics`, told by every coordinator that has not failed, whether or not it serves clients.
struct MetricsServer: Sendable {
    /// Why there are no metrics.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let idleTimeout = Duration.seconds(60)

    private let listener: HTTPListener

    var port: Int { listener.port }

    /// A coordinator that was told to be watched over does not start without that: throws ``Failure``.
    static func start(
        _ settings: MetricsSettings, on group: any EventLoopGroup, inquiries: InquiryThread
    ) async throws -> MetricsServer {
        let endpoint = settings.endpoint
        do {
            let listener = try await HTTPListener.bind(
                host: endpoint.host, port: endpoint.port, idleTimeout: idleTimeout, on: group
            ) { exchange in
                let request = exchange.request
                guard request.method == "GET" || request.method == "HEAD" else {
                    return exchange.reply(.methodNotAllowed)
                }
                guard request.path == "/metrics" || request.path == "/metrics/" else {
                    return exchange.reply(.notFound)
                }
                inquiries.post { kernel in exchange.reply(Self.answer(settings, kernel)) }
            }
            return MetricsServer(listener: listener)
        } catch {
            throw Failure(description: "no metrics on \(endpoint.host):\(endpoint.port): \(error)")
        }
    }

    func stop() async throws { try await listener.close() }

    private static func answer(_ settings: MetricsSettings, _ kernel: KernelWindow) -> HTTPAnswer {
        guard let report = kernel.look({ loop, now in loop.monitorReport(at: now) }) else {
            return HTTPAnswer(status: 503, contentType: "text/plain", body: "the coordinator does not answer\n")
        }
        let metrics = report.metrics + (settings.includesProcess ? ProcessFigures.metrics : [])
        return HTTPAnswer(contentType: PrometheusText.contentType, body: PrometheusText.page(metrics))
    }
}
