import Glibc
import Logging
import NIOCore
import NIOPosix
import Security

/// What a connection of ours to somebody is made with.
package struct ConnectSettings: Sendable {
    package var host: String
    package var port: Int
    /// Made once from settings by the owner and used for all its connections; nil for plaintext.
    package var tls: TLSContexts?
    /// For resolving, connecting and TLS together.
    package var timeout: Duration
    package var maximumFrameSizeInBytes: Int
    package var maximumIdleTime: Duration?
    /// When unsent bytes have exceeded this and halved again, ``ConnectionHandler/drained(_:)`` tells. Reading goes on
    /// all the time, for a server may wait to be read before it reads on.
    package var unsentBytesBound: Int

    package init(
        host: String, port: Int, tls: TLSContexts? = nil, timeout: Duration = .seconds(30),
        maximumFrameSizeInBytes: Int = Int(Int32.max), maximumIdleTime: Duration? = nil,
        unsentBytesBound: Int = 8 << 20
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.timeout = timeout
        self.maximumFrameSizeInBytes = maximumFrameSizeInBytes
        self.maximumIdleTime = maximumIdleTime
        self.unsentBytesBound = unsentBytesBound
    }
}

/// Dials.
package enum Connector {
    /// Why there is no connection.
    package struct Failure: Error, CustomStringConvertible {
        package var address: String
        package var cause: String
        /// Whether the machine was reached and said that nobody listens at the port.
        package var isRefused = false

        package var description: String { "cannot connect to \(address): \(cause)" }
    }

    /// Connects, with TLS when settings say so; `makeHandler` is called on the connection's event loop before this
    /// returns. Throws ``Failure``.
    package static func connect(
        _ settings: ConnectSettings, on group: any EventLoopGroup, logger: Logger,
        makeHandler: @escaping @Sendable (Connection) -> any ConnectionHandler
    ) async throws -> Connection {
        let address = "\(settings.host):\(settings.port)"
        let loop = group.next()
        let established = loop.makePromise(of: Connection.self)
        let bounds = settings.tls == nil ? WriteBounds.ofRequests : .ofReplies
        let connectionSettings = ConnectionSettings(
            name: address, maximumFrameSizeInBytes: settings.maximumFrameSizeInBytes, usesTLS: settings.tls != nil,
            maximumIdleTime: settings.maximumIdleTime, unsentBytesBound: settings.unsentBytesBound,
            writeBounds: bounds, pausesOverBound: false)
        let deadline = NIODeadline.now() + TimeAmount(settings.timeout)
        let bootstrap = ClientBootstrap(group: loop)
            .resolver(HostLookup(on: loop))
            .connectTimeout(TimeAmount(settings.timeout))
            .channelOption(.recvAllocator, value: SocketOptions.receiveBuffers)
            .channelOption(.writeBufferWaterMark, value: bounds.waterMark)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = settings.tls {
                        try channel.pipeline.syncOperations.addHandler(
                            TLSChannelHandler(
                                try tls.current().session(.client(host: settings.host)), isServer: false,
                                timeout: max(.nanoseconds(0), deadline - .now())))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ConnectionPipe(
                            settings: connectionSettings, origin: .dialled(established), logger: logger,
                            makeHandler: makeHandler))
                }
            }
        bootstrap.connect(host: settings.host, port: settings.port).whenFailure { established.fail($0) }
        do {
            return try await established.futureResult.get()
        } catch {
            throw Failure(address: address, cause: cause(error), isRefused: isRefused(error))
        }
    }

    private static func isRefused(_ error: any Error) -> Bool {
        switch error {
        case let error as NIOConnectionError:
            !error.connectionErrors.isEmpty && error.connectionErrors.allSatisfy { isRefused($0.error) }
        case let error as IOError: error.errnoCode == ECONNREFUSED
        default: false
        }
    }

    private static func cause(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            if let dns = error.dnsAError ?? error.dnsAAAAError { return "\(dns)" }
            return error.connectionErrors.first.map { cause($0.error) } ?? "no address"
        case let error as IOError where error.errnoCode == ECONNREFUSED: return "nobody listens there"
        case ChannelError.connectTimeout(let time): return "no answer within \(Duration(time))"
        case let error as EndedWhileConnecting: return error.reason.description
        default: return "\(error)"
        }
    }
}
