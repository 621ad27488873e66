import NIOCore
import NIOHTTP1

/// One request and its answer. The answer is told once, from any thread: at once by ``reply(_:)``, or in pieces.
///
/// What waits must not be called on an event loop.
package final class HTTPExchange: Sendable {
    package let request: HTTPRequest
    private let head: HTTPRequestHead
    private let connection: NIOLoopBound<(handler: HTTPConnection, context: ChannelHandlerContext)>
    private let loop: any EventLoop

    init(_ request: HTTPRequest, _ head: HTTPRequestHead, _ handler: HTTPConnection, _ context: ChannelHandlerContext) {
        self.request = request
        self.head = head
        loop = context.eventLoop
        connection = NIOLoopBound((handler, context), eventLoop: context.eventLoop)
    }

    package func reply(_ answer: HTTPAnswer) {
        loop.execute { [self] in
            let (handler, context) = connection.value
            let body = ByteBuffer(string: answer.body)
            handler.begin(answer, length: body.readableBytes, to: head, context)
            // What cannot be written ends the connection, and nobody is left to be told.
            _ = handler.write(body, to: head, context)
            handler.end(head, context)
        }
    }

    /// The next piece of the body of a POST; nil after the last. Waits for it; throws when the connection has ended.
    package func nextPartOfBody() throws -> ByteBuffer? {
        try loop.flatSubmit { [self] in connection.value.handler.nextPart(connection.value.context) }.wait()
    }

    /// Begins an answer of `length` bytes, whose body ``write(_:)`` tells; that of `answer` does not count.
    package func begin(_ answer: HTTPAnswer, length: Int) {
        loop.execute { [self] in
            connection.value.handler.begin(answer, length: length, to: head, connection.value.context)
        }
    }

    /// Adds to the body. Waits until it is on its way; throws when the connection has ended.
    package func write(_ bytes: ByteBuffer) throws {
        try loop.flatSubmit { [self] in
            connection.value.handler.write(bytes, to: head, connection.value.context)
        }.wait()
    }

    package func end() {
        loop.execute { [self] in connection.value.handler.end(head, connection.value.context) }
    }

    /// Gives up in the middle of an answer: the client sees that some is missing.
    package func abort() {
        loop.execute { [self] in connection.value.context.close(promise: nil) }
    }
}
