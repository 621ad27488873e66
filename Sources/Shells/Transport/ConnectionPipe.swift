import Glibc
import Logging
import NIOCore
import Seams
import Security
import WireCoding

/// The last handler of every channel: cuts what comes into frames, sends what its ``Connection`` was given, and ends
/// the connection. Lives on the channel's event loop.
///
///     opening ── channel active, TLS established ──▶ first bytes ── four bytes ──▶ framing
///        │                                              │                            │
///        │                                              └─ handler takes over ──▶ taken over
///        └──────────────── any: close, fault, end of input ──▶ over
///
/// Frames are handed over and replies are flushed once per burst of reading.
final class ConnectionPipe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = IOData

    /// How long a connection that we ended waits for its last bytes to be taken.
    private static let farewell = TimeAmount.seconds(10)

    private enum Phase { case opening, firstBytes(ByteBuffer), framing, takenOver, over }

    private let settings: ConnectionSettings
    private let makeHandler: @Sendable (Connection) -> any ConnectionHandler
    private let origin: ConnectionOrigin
    private let logger: Logger

    private var phase = Phase.opening
    private var context: ChannelHandlerContext?
    /// Kept: a channel that has ended knows it no more.
    private var peerAddress = "unknown"
    private var connection: Connection?
    private var handler: (any ConnectionHandler)?
    private var reader: FrameReader
    private var frames: [ByteBuffer] = []
    private var outgoing: OutgoingPieces

    private var isInBurst = false
    private var isPumping = false
    private var isPausedByHandler = false
    private var isOverBound = false
    private var isReading = true
    private var isAdmitted = false
    /// Whether reads go right into long frames: see ``FrameAllocator``.
    private var fillsFrames = false
    /// Why it ends, once that is known.
    private var ending: CloseReason?
    private var isClosingChannel = false
    private var lastActivity = NIODeadline.uptimeNanoseconds(0)
    private var idleCheck: Scheduled<Void>?

    init(
        settings: ConnectionSettings, origin: ConnectionOrigin, logger: Logger,
        makeHandler: @escaping @Sendable (Connection) -> any ConnectionHandler
    ) {
        self.settings = settings
        self.origin = origin
        self.logger = logger
        self.makeHandler = makeHandler
        reader = FrameReader(maximumSize: settings.maximumFrameSizeInBytes)
        outgoing = OutgoingPieces(
            sendsRegions: !settings.usesTLS, mergesPieces: !settings.usesTLS || !settings.hasRecordForEachPiece)
    }

    /// Takes frames of this size from now on.
    func allowFrames(ofBytes size: Int) { reader.maximumSize = size }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    // MARK: Beginning

    func channelActive(context: ChannelHandlerContext) {
        if let address = context.remoteAddress { peerAddress = address.text }
        if case .accepted(let registry) = origin {
            if let refusal = registry.admit(context.remoteAddress?.host ?? "unknown") {
                logger.warning("refused a connection of \(peer): \(refusal)")
                ending = .shutDown
                return closeChannel()
            }
            isAdmitted = true
        }
        lastActivity = context.eventLoop.now
        scheduleIdleCheck(context)
        if !settings.usesTLS { begin(context, certificate: nil, session: nil) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let established as TLSEstablished:
            begin(context, certificate: established.peerCertificate, session: established.session)
        case ChannelEvent.inputClosed:
            if case .takenOver = phase { return }
            // TLS's end, which comes in the same burst as the last frames.
            handOver()
            close(.endedByPeer)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    private func begin(_ context: ChannelHandlerContext, certificate: PeerCertificate?, session: TLSSession?) {
        let authentication: Authentication =
            settings.awaitsSASL
            ? .awaited
            : .established(certificate.map { settings.principals.principal(subject: $0.subject) } ?? .anonymous)
        let connection = Connection(
            channel: context.channel, pipe: self, name: settings.name, authentication: authentication,
            peerCertificate: certificate, tlsSession: session)
        self.connection = connection
        phase = .firstBytes(ByteBuffer())
        handler = makeHandler(connection)
        origin.began(connection)
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isInBurst = true
        lastActivity = context.eventLoop.now
        let bytes = unwrapInboundIn(data)
        switch phase {
        case .framing:
            cut(bytes)
        case .firstBytes(var begun):
            phase = .firstBytes(ByteBuffer())
            var bytes = bytes
            if begun.readableBytes == 0 { swap(&begun, &bytes) } else { begun.writeBuffer(&bytes) }
            guard let first = begun.getInteger(at: begun.readerIndex, as: UInt32.self),
                let connection, let handler
            else {
                phase = .firstBytes(begun)
                return
            }
            if handler.takesOver(firstFourBytes: first, on: connection) {
                phase = .takenOver
                outliveInput(context)
                begun.moveReaderIndex(forwardBy: 4)
                if begun.readableBytes > 0 { handler.receivedUnframed(begun, on: connection) }
            } else if case .firstBytes = phase {
                phase = .framing
                cut(begun)
            }
        case .takenOver:
            if ending == nil, let connection { handler?.receivedUnframed(bytes, on: connection) }
        case .opening, .over:
            break
        }
    }

    /// Whoever has taken over answers also a peer that has nothing more to say (`echo ruok | nc`). Nobody else needs
    /// that, and a channel that allows it must not be closed at the end of a burst: NIO trips over it (an assertion of
    /// its debug builds) when the input's end came with the burst.
    private func outliveInput(_ context: ChannelHandlerContext) {
        guard !isClosingChannel else { return }
        do {
            try context.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
        } catch {
            close(.failed("cannot answer beyond the end of what comes: \(error)"))
        }
    }

    var hasFrameToFill: Bool { fillsFrames && reader.hasFrameToFill }

    var isFrameLent: Bool { reader.isFrameLent }

    /// The frame that the next read goes into, if there is one; it comes back by ``channelRead(context:data:)``.
    func lendFrame() -> ByteBuffer? { fillsFrames ? reader.lendFrame() : nil }

    /// Begun with the first long frame, at the end of a burst. From then on NIO reads once in each, and only when there is
    /// something: a read without that would lose what it was lent. Under TLS frames come decrypted instead.
    private func beginToFillFrames(_ context: ChannelHandlerContext) {
        guard !fillsFrames, !settings.usesTLS, !isClosingChannel, reader.hasFrameToFill else { return }
        do {
            try context.channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
            try context.channel.syncOptions?.setOption(
                .recvAllocator, value: FrameAllocator(NIOLoopBound(self, eventLoop: context.eventLoop)))
            fillsFrames = true
        } catch {
            close(.failed("cannot read into frames: \(error)"))
        }
    }

    private func cut(_ bytes: ByteBuffer) {
        if reader.isFrameLent {
            guard reader.takeBack(bytes, into: &frames) else {
                return close(.failed("a read has lost the frame that it was to fill"))
            }
            return
        }
        do throws(FrameReader.RefusedLength) {
            try reader.take(bytes, into: &frames)
        } catch {
            handOver()
            close(.badInput(error.cause(maximumSize: reader.maximumSize)))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        handOver()
        isInBurst = false
        beginToFillFrames(context)
        drain()
    }

    private func handOver() {
        guard !frames.isEmpty else { return }
        let burst = frames
        frames = []
        if ending == nil, let handler, let connection { handler.received(burst, on: connection) }
    }

    func setPausedByHandler(_ isPaused: Bool) {
        isPausedByHandler = isPaused
        updateReading()
    }

    private func updateReading() {
        let shouldRead = !isPausedByHandler && !(isOverBound && settings.pausesOverBound)
        guard shouldRead != isReading, let context, !isClosingChannel else { return }
        isReading = shouldRead
        do {
            try context.channel.syncOptions?.setOption(.autoRead, value: shouldRead)
        } catch {
            close(.failed("cannot \(shouldRead ? "resume" : "pause") reading: \(error)"))
        }
    }

    // MARK: Sending

    /// Something was put into the connection's outbox; on the loop.
    func outboxFilled() {
        if !isInBurst { drain() }
    }

    private func drain() {
        guard let connection else { return }
        let pieces = connection.takeOutbox()
        if isClosingChannel {
            connection.delivered(pieces.reduce(0) { $0 + $1.count })
        } else if !pieces.isEmpty {
            outgoing.append(pieces)
            pump()
        }
        if !isOverBound, connection.unsentBytes > settings.unsentBytesBound {
            isOverBound = true
            updateReading()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
        context.fireChannelWritabilityChanged()
    }

    /// Writes as long as the channel takes more.
    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while !outgoing.isEmpty, !isClosingChannel, let context, context.channel.isWritable {
            guard writeGroup(context) else { return }
        }
    }

    /// Writes up to ``ConnectionSettings/writeBounds`` and flushes; the group's last write tells when all of it has gone.
    private func writeGroup(_ context: ChannelHandlerContext) -> Bool {
        var last: IOData?
        var lent: [LentFile] = []
        let before = outgoing.count
        do throws(FileSystemError) {
            repeat {
                guard let write = try outgoing.next() else { break }
                if let last { context.write(wrapOutboundOut(last), promise: nil) }
                switch write {
                case .bytes(let bytes):
                    last = .byteBuffer(bytes)
                case .region(let range):
                    let file = LentFile(range.file)
                    lent.append(file)
                    last = .fileRegion(file.region(position: range.position, count: range.count))
                }
            } while before - outgoing.count < settings.writeBounds.flush && context.channel.isWritable
        } catch {
            for file in lent { file.takeBack() }
            close(.failed(error.description))
            return false
        }
        guard let last else { return false }
        let count = before - outgoing.count
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in
            for file in lent { file.takeBack() }
            self.groupWritten(count)
        }
        context.writeAndFlush(wrapOutboundOut(last), promise: promise)
        return true
    }

    private func groupWritten(_ count: Int) {
        guard let connection else { return }
        let unsent = connection.delivered(count)
        if let context { lastActivity = context.eventLoop.now }
        if isOverBound, unsent <= settings.unsentBytesBound / 2, !isClosingChannel {
            isOverBound = false
            updateReading()
            handler?.drained(connection)
        }
        if ending == .ended, unsent == 0 { closeChannel() }
    }

    // MARK: Ending

    /// The first reason counts.
    func close(_ reason: CloseReason) {
        guard ending == nil else { return }
        ending = reason
        switch reason {
        case .badInput, .insecure:
            logger.warning("closed a connection of \(peer): \(reason)")
        case .idle, .failed:
            logger.info("closed a connection of \(peer): \(reason)")
        case .endedByPeer, .ended, .shutDown:
            break
        }
        guard reason == .ended, let connection, connection.unsentBytes > 0, let context else {
            return closeChannel()
        }
        if !isInBurst { drain() }
        // A peer that takes nothing any more must not hold the connection open.
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.farewell) { self.closeChannel() }
    }

    private func closeChannel() {
        guard !isClosingChannel, let context else { return }
        isClosingChannel = true
        phase = .over
        frames = []
        connection?.delivered(outgoing.count)
        outgoing.removeAll()
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let fault as TLSFault: close(.insecure(fault.description))
        case let error as IOError where error.errnoCode == ECONNRESET: close(.endedByPeer)
        default: close(.failed("\(error)"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let reason = ending ?? .endedByPeer
        ending = reason
        isClosingChannel = true
        phase = .over
        idleCheck?.cancel()
        drain()
        if isAdmitted, case .accepted(let registry) = origin {
            registry.leave(context.remoteAddress?.host ?? "unknown")
        }
        origin.ended(connection, reason)
        if let connection { handler?.closed(connection, reason) }
        handler = nil
        connection = nil
        context.fireChannelInactive()
    }

    /// For log lines: `127.0.0.1:4711 to listener PLAINTEXT`.
    private var peer: String {
        "\(peerAddress) (\(settings.name))"
    }

    // MARK: Idle connections

    private func scheduleIdleCheck(_ context: ChannelHandlerContext) {
        guard let limit = settings.maximumIdleTime else { return }
        let due = lastActivity + TimeAmount(limit)
        idleCheck = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) {
            guard let context = self.context, self.ending == nil else { return }
            if context.eventLoop.now - self.lastActivity >= TimeAmount(limit) {
                self.close(.idle(limit))
            } else {
                self.scheduleIdleCheck(context)
            }
        }
    }
}
