import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One request to an operators' port, as tools make it.
package struct HTTPCall: Sendable {
    /// Why there is no answer.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// How an answer begins.
    package struct Head: Sendable {
        package var status: Int
        package var contentType: String?
        /// Bytes of the body, where that was said before.
        package var length: Int?
    }

    package var host: String
    package var port: Int
    package var method: String
    /// With its query.
    package var target: String
    package var headers: [(String, String)] = []
    /// Puts handlers in front of those for HTTP, and tells when something can be written.
    package var prepare: @Sendable (any Channel) throws -> EventLoopFuture<Void> = {
        $0.eventLoop.makeSucceededVoidFuture()
    }
    /// How long the other side may be silent.
    package var patience: Duration = .seconds(60)

    package init(host: String, port: Int, method: String, target: String) {
        self.host = host
        self.port = port
        self.method = method
        self.target = target
    }

    /// Sends the request, and hands the answer's body to `receive`, piece by piece. When the answer comes before the
    /// request is whole, the rest is not sent.
    ///
    /// - Parameters:
    ///   - bodyLength: how much `nextPart` hands out in all, before it says nil.
    /// - Throws: ``Failure``, also when the body is shorter than was said, and what the two functions throw.
    package func perform(
        on group: any EventLoopGroup, bodyLength: Int = 0, nextPart: () throws -> ByteBuffer? = { nil },
        receive: (Head, ByteBuffer) throws -> Void
    ) async throws -> Head {
        typealias Link = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
        let link: Link
        let isReady: EventLoopFuture<Void>
        let watch = AnswerWatch()
        do {
            let patience = TimeAmount(patience)
            (link, isReady) = try await ClientBootstrap(group: group).connectTimeout(.seconds(10))
                .connect(host: host, port: port) { [prepare] channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        let isReady = try prepare(channel)
                        try pipeline.addHandler(IdleStateHandler(allTimeout: patience))
                        try pipeline.addHandler(SilenceHandler())
                        try pipeline.addHTTPClientHandlers()
                        try pipeline.addHandler(watch)
                        return (try Link(wrappingChannelSynchronously: channel), isReady)
                    }
                }
        } catch {
            throw Failure(description: "cannot connect to \(host):\(port): \(error)")
        }
        return try await link.executeThenClose { inbound, outbound in
            try await isReady.get()
            let fault = try await send(nextPart, length: bodyLength, to: outbound, until: watch)
            if let head = try await Self.read(inbound, receive) { return head }
            let cause = fault.map { ": \($0)" } ?? ""
            throw Failure(description: "the connection ended before the answer did\(cause)")
        }
    }

    /// Returns why the connection takes no more, if it does not: who is at its other end may have answered before.
    private func send(
        _ nextPart: () throws -> ByteBuffer?, length: Int,
        to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>, until watch: AnswerWatch
    ) async throws -> (any Error)? {
        var fields = HTTPHeaders([("Host", "\(host):\(port)"), ("Connection", "close")])
        fields.add(contentsOf: headers)
        if method == "POST" { fields.add(name: "Content-Length", value: "\(length)") }
        let head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: method), uri: target, headers: fields)
        if let fault = await Self.write(.head(head), to: outbound) { return fault }
        while !watch.hasSeenAnswer {
            let part = try nextPart()
            let fault = await Self.write(part.map { .body(.byteBuffer($0)) } ?? .end(nil), to: outbound)
            if part == nil || fault != nil { return fault }
        }
        return nil
    }

    /// Returns why the connection does not take it; nil when it does.
    private static func write(
        _ part: HTTPClientRequestPart, to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async -> (any Error)? {
        do {
            try await outbound.write(part)
            return nil
        } catch {
            return error
        }
    }

    private static func read(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>, _ receive: (Head, ByteBuffer) throws -> Void
    ) async throws -> Head? {
        var head: Head?
        for try await part in inbound {
            switch part {
            case .head(let answer):
                head = Head(
                    status: Int(answer.status.code), contentType: answer.headers.first(name: "content-type"),
                    length: answer.headers.first(name: "content-length").flatMap { Int($0) })
            case .body(let bytes):
                if let head { try receive(head, bytes) }
            case .end:
                if let head { return head }
            }
        }
        return nil
    }
}

/// Sees that an answer begins.
private final class AnswerWatch: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPClientResponsePart

    private let state = Atomic(false)

    var hasSeenAnswer: Bool { state.load(ordering: .relaxed) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        state.store(true, ordering: .relaxed)
        context.fireChannelRead(data)
    }
}

/// Ends a connection on which nothing happens.
private final class SilenceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
