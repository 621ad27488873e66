import NIOCore

/// Told up the pipeline when a handshake is complete.
struct TLSEstablished {
    var peerCertificate: PeerCertificate?
    var session: TLSSession
}

/// TLS between the socket and the ``ConnectionPipe``.
///
///     waiting ── active ──▶ handshaking ── done ──▶ established ── fault, close ──▶ over
///                                │                                                   ▲
///                                └──────────── fault, timeout, end of input ─────────┘
///
/// Faults go up the pipeline as ``TLSFault``; closing is the pipe's affair.
final class TLSChannelHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private enum Phase { case waiting, handshaking, established, over }

    /// What is encrypted and not written is handed on before more than this is added to it.
    private static let handOnFrom = 64 * 1024
    /// The first byte of every TLS connection: a handshake record.
    static let handshakeRecord: UInt8 = 0x16

    private let session: TLSSessionState
    private let isServer: Bool
    private let timeout: TimeAmount
    private var phase = Phase.waiting
    private var deadline: Scheduled<Void>?
    private var hasReceived = false
    private var encrypted = ByteBuffer()
    private var encryptedPromise: EventLoopPromise<Void>?

    init(_ session: TLSSessionState, isServer: Bool, timeout: TimeAmount) {
        self.session = session
        self.isServer = isServer
        self.timeout = timeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
        var nothing = ByteBuffer()
        if !isServer { goOn(context, &nothing) }
    }

    private func begin(_ context: ChannelHandlerContext) {
        phase = .handshaking
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            self.fail(bound.value, TLSFault("no handshake within \(Duration(self.timeout))"))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = unwrapInboundIn(data)
        if !hasReceived {
            hasReceived = true
            let first = input.getInteger(at: input.readerIndex, as: UInt8.self)
            if isServer, first != Self.handshakeRecord {
                return fail(context, TLSFault("plaintext on a TLS listener"))
            }
        }
        goOn(context, &input)
    }

    private func goOn(_ context: ChannelHandlerContext, _ input: inout ByteBuffer) {
        do throws(TLSFault) {
            if phase == .handshaking, try session.handshake(&input, into: &encrypted) == .done {
                phase = .established
                deadline?.cancel()
                flushEncrypted(context)
                context.fireUserInboundEventTriggered(
                    TLSEstablished(peerCertificate: session.peerCertificate(), session: session.session))
            }
            if phase == .established {
                if try receive(context, &input) == .ended {
                    phase = .over
                    context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
                }
            }
        } catch {
            return fail(context, error)
        }
        if encrypted.readableBytes > 0 { flushEncrypted(context) }
    }

    /// Hands on what the input holds. What the peer sent comes before what it ended with, be it its end or a fault: a
    /// producer without acknowledgements leaves right after its last record.
    private func receive(
        _ context: ChannelHandlerContext, _ input: inout ByteBuffer
    ) throws(TLSFault) -> TLSSessionState.Progress {
        var plaintext = ByteBuffer()
        defer { if plaintext.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plaintext)) } }
        return try session.decrypt(&input, into: &plaintext, output: &encrypted)
    }

    private func fail(_ context: ChannelHandlerContext, _ fault: TLSFault) {
        guard phase != .over else { return }
        phase = .over
        deadline?.cancel()
        // An alert that tells the peer may be among it.
        flushEncrypted(context)
        context.fireErrorCaught(fault)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event, phase == .handshaking {
            return fail(context, TLSFault("the peer left during the handshake"))
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if phase == .handshaking { fail(context, TLSFault("the peer left during the handshake")) }
        phase = .over
        deadline?.cancel()
        encryptedPromise?.fail(ChannelError.ioOnClosedChannel)
        encryptedPromise = nil
        context.fireChannelInactive()
    }

    // MARK: Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard phase == .established, case .byteBuffer(let plaintext) = unwrapOutboundIn(data) else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        if encrypted.readableBytes > 0, encrypted.readableBytes + plaintext.readableBytes > Self.handOnFrom {
            writeEncrypted(context)
        }
        do throws(TLSFault) {
            try session.encrypt(plaintext, into: &encrypted)
        } catch {
            promise?.fail(error)
            return fail(context, error)
        }
        guard let promise else { return }
        if let earlier = encryptedPromise { promise.futureResult.cascade(to: earlier) }
        encryptedPromise = promise
    }

    func flush(context: ChannelHandlerContext) {
        flushEncrypted(context)
    }

    private func writeEncrypted(_ context: ChannelHandlerContext) {
        let bytes = encrypted
        encrypted = ByteBuffer()
        let promise = encryptedPromise
        encryptedPromise = nil
        context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: promise)
    }

    private func flushEncrypted(_ context: ChannelHandlerContext) {
        // Who has written nothing waits for a promise all the same.
        if encrypted.readableBytes > 0 || encryptedPromise != nil { writeEncrypted(context) }
        context.flush()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if phase == .established {
            session.end(into: &encrypted)
            flushEncrypted(context)
        }
        phase = .over
        deadline?.cancel()
        context.close(mode: mode, promise: promise)
    }
}
