import Logging
import NIOCore
import Security

/// Puts TLS under protocols whose connections are none of this module's: HTTP of operators and of tools.
package struct TLSInFront: Sendable {
    private static let timeout = TimeAmount.seconds(10)

    private let contexts: TLSContexts
    private let side: TLSContext.Side
    private let isServer: Bool
    private let takesPlaintext: Bool

    /// A server's.
    ///
    /// - Parameter takesPlaintext: whether a client may do without, which is told by its first byte.
    package init(server settings: TLSSettings, takesPlaintext: Bool, logger: Logger) throws(TLSFileFault) {
        contexts = try TLSContexts(settings, role: .server, logger: logger)
        side = .server
        isServer = true
        self.takesPlaintext = takesPlaintext
    }

    /// A client's, which dials `host`.
    package init(client settings: TLSSettings, host: String, logger: Logger) throws(TLSFileFault) {
        contexts = try TLSContexts(settings, role: .client, logger: logger)
        side = .client(host: host)
        isServer = false
        takesPlaintext = false
    }

    /// Adds what is needed to a pipeline that has no other handlers yet. On the channel's event loop.
    ///
    /// - Parameter established: called when a handshake is complete, with the other side's verified certificate. Nothing
    ///   can be written before.
    package func prepare(_ channel: any Channel, established: @escaping (PeerCertificate?) -> Void) throws {
        let pipeline = channel.pipeline.syncOperations
        let handler = try TLSChannelHandler(
            contexts.current().session(side), isServer: isServer, timeout: Self.timeout)
        let end = TLSEndHandler(established)
        if takesPlaintext {
            try pipeline.addHandler(
                FirstByteHandler { [pipeline] first, isTLS in
                    guard isTLS else { return }
                    try pipeline.addHandler(handler, position: .after(first))
                    try pipeline.addHandler(end, position: .after(handler))
                })
        } else {
            try pipeline.addHandlers([handler, end])
        }
    }
}

/// Hands on what the first byte of a connection decides about.
private final class FirstByteHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let decide: (FirstByteHandler, _ isTLS: Bool) throws -> Void
    private var isDecided = false

    init(_ decide: @escaping (FirstByteHandler, _ isTLS: Bool) throws -> Void) { self.decide = decide }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if !isDecided, let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) {
            isDecided = true
            do {
                try decide(self, first == TLSChannelHandler.handshakeRecord)
            } catch {
                return context.fireErrorCaught(error)
            }
        }
        context.fireChannelRead(data)
    }
}

/// Ends a connection when TLS does, and tells when it begins.
private final class TLSEndHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let established: (PeerCertificate?) -> Void

    init(_ established: @escaping (PeerCertificate?) -> Void) { self.established = established }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSEstablished: established(event.peerCertificate)
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }
}
