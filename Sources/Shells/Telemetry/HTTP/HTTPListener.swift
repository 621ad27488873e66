import NIOCore
import NIOHTTP1
import NIOPosix

/// A port that answers HTTP requests of operators until it is closed.
package final class HTTPListener: Sendable {
    /// Puts handlers in front of those for HTTP, on the connection's event loop. It may call what it is handed with the
    /// subject of the client's verified certificate.
    package typealias Preparation = @Sendable (any Channel, @escaping (String) -> Void) throws -> Void

    /// The port it listens on, also when the system chose it.
    package let port: Int
    private let channel: any Channel
    private let connections: ConnectionGroup

    private init(_ channel: any Channel, port: Int, connections: ConnectionGroup) {
        self.channel = channel
        self.port = port
        self.connections = connections
    }

    /// Listens, and calls `route` on an event loop for each request; it must not wait there.
    ///
    /// - Parameters:
    ///   - prepare: lets TLS or the like be spoken under HTTP.
    ///   - host: empty for all addresses.
    ///   - idleTimeout: a connection on which nothing is read or written for so long is closed; likewise one whose
    ///     request is still coming so long after its answer.
    /// - Throws: what the system says against that address.
    package static func bind(
        host: String, port: Int, idleTimeout: Duration, on group: any EventLoopGroup,
        prepare: @escaping Preparation = { _, _ in }, route: @escaping @Sendable (HTTPExchange) -> Void
    ) async throws -> HTTPListener {
        let connections = ConnectionGroup()
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let handler = HTTPConnection(patience: TimeAmount(idleTimeout), route)
                    try prepare(channel) { handler.subject = $0 }
                    try pipeline.addHandler(IdleStateHandler(allTimeout: TimeAmount(idleTimeout)))
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(handler)
                    connections.add(channel)
                }
            }
            .bind(host: host.isEmpty ? "0.0.0.0" : host, port: port).get()
        return HTTPListener(channel, port: channel.localAddress?.port ?? port, connections: connections)
    }

    /// Accepts no more and ends all connections.
    package func close() async throws {
        do {
            try await channel.close().get()
        } catch ChannelError.alreadyClosed {
            return
        }
        connections.close()
    }
}
