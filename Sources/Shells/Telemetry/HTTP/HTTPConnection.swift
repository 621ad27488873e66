import NIOCore
import NIOHTTP1

/// One connection of an HTTP client: hands over each request when it is whole, or, of a POST, as soon as its head is
/// there, and writes its answer.
///
/// Of a body only so much is in memory as ``bodyBound`` says: what nobody reads stays with the client. The body of any
/// other request counts for nothing, nor does what comes behind an answer; that has to come within ``patience``.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private static let bodyBound = 1 << 20

    /// The body of a POST that is coming in.
    private struct Body {
        var parts = CircularBuffer<ByteBuffer>()
        var size = 0
        var isWhole = false
        /// Who waits for the next piece.
        var reader: EventLoopPromise<ByteBuffer?>?
    }

    private let route: @Sendable (HTTPExchange) -> Void
    private let patience: TimeAmount
    /// Of the request that is coming in, until it is handed over.
    private var head: HTTPRequestHead?
    private var body: Body?
    private var isReadingHeld = false
    /// Whether all of the last request has come.
    private var isRequestWhole = true
    /// Whether the connection ends when the rest of the request has come: before, a client that still sends it would
    /// not see the answer.
    private var endsBehindRequest = false
    /// Ends the connection of a client that goes on with a request for too long after its answer.
    private var limit: Scheduled<Void>?
    /// Of the client's verified certificate.
    var subject: String?

    init(patience: TimeAmount, _ route: @escaping @Sendable (HTTPExchange) -> Void) {
        self.patience = patience
        self.route = route
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isRequestWhole = false
            guard head.method == .POST else { return self.head = head }
            body = Body()
            handOver(head, context)
        case .body(let part): received(part)
        case .end:
            isRequestWhole = true
            limit?.cancel()
            if endsBehindRequest { return context.close(promise: nil) }
            body?.isWhole = true
            if body?.parts.isEmpty == true { body?.reader?.succeed(nil) }
            guard let head else { return }
            self.head = nil
            handOver(head, context)
        }
    }

    private func handOver(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var request = HTTPRequest(
            method: head.method.rawValue, target: head.uri, authorization: head.headers.first(name: "authorization"))
        request.host = context.remoteAddress?.ipAddress ?? ""
        request.subject = subject
        request.contentType = head.headers.first(name: "content-type")
        route(HTTPExchange(request, head, self, context))
    }

    private func received(_ part: ByteBuffer) {
        guard let reader = body?.reader else {
            // Of other requests, and behind an answer, there is no body to be kept.
            body?.parts.append(part)
            body?.size += part.readableBytes
            return
        }
        body?.reader = nil
        reader.succeed(part)
    }

    func nextPart(_ context: ChannelHandlerContext) -> EventLoopFuture<ByteBuffer?> {
        guard var body else { return context.eventLoop.makeSucceededFuture(nil) }
        defer { self.body = body }
        if let part = body.parts.popFirst() {
            body.size -= part.readableBytes
            defer { readOn(context, bodySize: body.size) }
            return context.eventLoop.makeSucceededFuture(part)
        }
        guard !body.isWhole else { return context.eventLoop.makeSucceededFuture(nil) }
        guard context.channel.isActive else { return context.eventLoop.makeFailedFuture(ChannelError.eof) }
        let reader = context.eventLoop.makePromise(of: ByteBuffer?.self)
        body.reader = reader
        return reader.futureResult
    }

    func read(context: ChannelHandlerContext) {
        guard let body, body.size > Self.bodyBound else { return context.read() }
        isReadingHeld = true
    }

    private func readOn(_ context: ChannelHandlerContext, bodySize: Int) {
        guard isReadingHeld, bodySize <= Self.bodyBound else { return }
        isReadingHeld = false
        context.read()
    }

    // MARK: Answering

    func begin(_ answer: HTTPAnswer, length: Int, to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // What still comes of the request is thrown away.
        body = nil
        readOn(context, bodySize: 0)
        var headers = HTTPHeaders([("Content-Type", answer.contentType), ("Content-Length", "\(length)")])
        headers.add(contentsOf: answer.headers)
        if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        let status = HTTPResponseStatus(statusCode: answer.status)
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: status, headers: headers))),
            promise: nil)
    }

    func write(_ bytes: ByteBuffer, to head: HTTPRequestHead, _ context: ChannelHandlerContext) -> EventLoopFuture<Void>
    {
        guard context.channel.isActive else { return context.eventLoop.makeFailedFuture(ChannelError.eof) }
        guard head.method != .HEAD else { return context.eventLoop.makeSucceededVoidFuture() }
        return context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(bytes))))
    }

    func end(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        let channel = context.channel
        if !isRequestWhole {
            endsBehindRequest = !head.isKeepAlive
            limit = context.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        } else if !head.isKeepAlive {
            end.whenComplete { _ in channel.close(promise: nil) }
        }
    }

    // MARK: Ending

    func channelInactive(context: ChannelHandlerContext) {
        body?.reader?.fail(ChannelError.eof)
        body?.reader = nil
        limit?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is no HTTP has been answered by the handler before this one.
        context.close(promise: nil)
    }
}
