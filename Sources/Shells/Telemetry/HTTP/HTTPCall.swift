import NIOCore
import NIOHTTP1
import NIOPosix

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

    /// Sends the request, and hands the answer's body to `receive`, piece by piece.
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
                        return (try Link(wrappingChannelSynchronously: channel), isReady)
                    }
                }
        } catch {
            throw Failure(description: "cannot connect to \(host):\(port): \(error)")
        }
        return try await link.executeThenClose { inbound, outbound in
            try await isReady.get()
            try await send(nextPart, length: bodyLength, to: outbound)
            return try await Self.read(inbound, receive)
        }
    }

    private func send(
        _ nextPart: () throws -> ByteBuffer?, length: Int,
        to outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async throws {
        var fields = HTTPHeaders([("Host", "\(host):\(port)"), ("Connection", "close")])
        fields.add(contentsOf: headers)
        if method == "POST" { fields.add(name: "Content-Length", value: "\(length)") }
        try await outbound.write(
            .head(
                HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: target, headers: fields)))
        while let part = try nextPart() { try await outbound.write(.body(.byteBuffer(part))) }
        try await outbound.write(.end(nil))
    }

    private static func read(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>, _ receive: (Head, ByteBuffer) throws -> Void
    ) async throws -> Head {
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
        throw Failure(description: "the connection ended before the answer did")
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
