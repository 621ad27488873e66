import NIOCore
import NIOHTTP1

/// One connection of an HTTP client: hands over each request when it is whole, and writes its answer. Bodies of
/// requests count for nothing.
final class HTTPConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let route: @Sendable (HTTPRequest, @escaping HTTPListener.Reply) -> Void
    /// Of the request that is coming in.
    private var head: HTTPRequestHead?

    init(_ route: @escaping @Sendable (HTTPRequest, @escaping HTTPListener.Reply) -> Void) { self.route = route }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            let request = HTTPRequest(
                method: head.method.rawValue, target: head.uri,
                authorization: head.headers.first(name: "authorization"))
            let loop = context.eventLoop
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: loop)
            route(request) { answer in
                loop.execute {
                    let (handler, context) = bound.value
                    handler.write(answer, to: head, context: context)
                }
            }
        }
    }

    private func write(_ answer: HTTPAnswer, to head: HTTPRequestHead, context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let body = ByteBuffer(string: answer.body)
        var headers = HTTPHeaders([
            ("Content-Type", answer.contentType), ("Content-Length", "\(body.readableBytes)"),
        ])
        if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        let status = HTTPResponseStatus(statusCode: answer.status)
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: status, headers: headers))),
            promise: nil)
        if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !head.isKeepAlive {
            let channel = context.channel
            end.whenComplete { _ in channel.close(promise: nil) }
        }
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
