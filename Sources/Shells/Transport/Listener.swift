import Glibc
import Logging
import NIOCore
import NIOPosix
import Security

/// A port that accepts connections until it is closed.
package final class Listener: Sendable {
    /// Why there is no listener.
    package struct Failure: Error, CustomStringConvertible {
        package var name: String
        package var address: String
        package var cause: String

        package var description: String { "listener \(name) cannot listen on \(address): \(cause)" }
    }

    package let name: String
    /// The port it listens on, also when the system chose it.
    package let port: Int
    private let channel: any Channel
    private let registry: ListenerRegistry

    private init(name: String, port: Int, channel: any Channel, registry: ListenerRegistry) {
        self.name = name
        self.port = port
        self.channel = channel
        self.registry = registry
    }

    /// Listens, and calls `makeHandler` on the connection's event loop for each connection that is established (with
    /// TLS: after the handshake). Throws ``Failure`` or ``TLSFileFault``.
    package static func bind(
        _ settings: ListenerSettings, on group: any EventLoopGroup, logger: Logger,
        makeHandler: @escaping @Sendable (Connection) -> any ConnectionHandler
    ) async throws -> Listener {
        let contexts = try tlsContexts(settings, logger: logger)
        let registry = ListenerRegistry(
            maximum: settings.maximumConnections, maximumPerHost: settings.maximumConnectionsPerAddress)
        let connectionSettings = ConnectionSettings(
            name: "listener \(settings.name)", maximumFrameSizeInBytes: settings.maximumFrameSizeInBytes,
            usesTLS: contexts != nil, hasRecordForEachPiece: settings.hasRecordForEachPiece,
            awaitsSASL: settings.securityProtocol.usesSASL,
            principals: settings.principals, maximumIdleTime: settings.maximumIdleTime,
            unsentBytesBound: settings.unsentBytesBound,
            pausesOverBound: true)
        let host = settings.host.isEmpty ? "0.0.0.0" : settings.host
        let handshakeTimeout = TimeAmount(settings.handshakeTimeout)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .configuredConnections()
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let contexts {
                        try channel.pipeline.syncOperations.addHandler(
                            TLSChannelHandler(
                                try contexts.current().session(.server), isServer: true, timeout: handshakeTimeout))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionPipe(
                            settings: connectionSettings, origin: .accepted(registry), logger: logger,
                            makeHandler: makeHandler))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(host: host, port: settings.port).get()
        } catch {
            throw Failure(name: settings.name, address: "\(host):\(settings.port)", cause: Self.cause(error))
        }
        return Listener(
            name: settings.name, port: channel.localAddress?.port ?? settings.port, channel: channel,
            registry: registry)
    }

    private static func tlsContexts(_ settings: ListenerSettings, logger: Logger) throws -> TLSContexts? {
        guard settings.securityProtocol.usesTLS else { return nil }
        guard let tls = settings.tls, tls.identity != nil else {
            throw TLSFileFault(
                file: "listener \(settings.name)",
                cause: "\(settings.securityProtocol.rawValue) needs a key and a certificate")
        }
        return try TLSContexts(tls, role: .server, checkInterval: settings.fileCheckInterval, logger: logger)
    }

    private static func cause(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return switch error.errnoCode {
        case EADDRINUSE: "the port is in use"
        case EADDRNOTAVAIL: "the address is not one of this machine"
        case EACCES: "the port needs privileges that this process does not have"
        default: "\(error)"
        }
    }

    /// Connections that are open now.
    package var connectionCount: Int { registry.count }

    /// Accepts no more and gives the port back. Connections stay until ``close()``.
    package func retire() async throws {
        do {
            try await channel.close().get()
        } catch ChannelError.alreadyClosed {
            return
        }
    }

    /// Accepts no more and ends all connections with ``CloseReason/shutDown``.
    package func close() async throws {
        try await retire()
        registry.close()
    }
}

extension ServerBootstrap {
    /// Options of every accepted connection.
    fileprivate func configuredConnections() -> ServerBootstrap {
        childChannelOption(.recvAllocator, value: SocketOptions.receiveBuffers)
            .childChannelOption(.writeBufferWaterMark, value: WriteBounds.ofReplies.waterMark)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
    }
}

/// What server and client connections have in common at the socket.
enum SocketOptions {
    /// Grows to 1 MiB for bulk: measured 40 % less CPU than NIO's default, and nothing for idle connections.
    static let receiveBuffers = AdaptiveRecvByteBufferAllocator(
        minimum: 1024, initial: firstReadSize, maximum: 1 << 20)
    static let firstReadSize = 4096
}
