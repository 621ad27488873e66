import NIOCore
import NIOPosix

/// A four-letter word asked of a coordinator, ours or Apache's, in plaintext.
package enum FourLetterQuestion {
    /// No coordinator says more.
    private static let largestAnswer = 16 << 20

    /// Why there is no answer.
    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// What the coordinator at `host:port` answers to `word` before it closes the connection. Throws ``Failure``.
    package static func ask(
        _ word: String, host: String, port: Int, timeout: Duration, on group: any EventLoopGroup
    ) async throws -> String {
        let loop = group.next()
        let answer = loop.makePromise(of: String.self)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(Int64(timeout / .nanoseconds(1))))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AnswerHandler(word: word, answer: answer, limit: largestAnswer))
                }
            }
        let connected = bootstrap.connect(host: host, port: port)
        connected.whenFailure { answer.fail($0) }
        let alarm = loop.scheduleTask(in: .nanoseconds(Int64(timeout / .nanoseconds(1)))) {
            answer.fail(Failure(description: "no answer within \(timeout)"))
        }
        answer.futureResult.whenComplete { _ in
            alarm.cancel()
            connected.whenSuccess { $0.close(promise: nil) }
        }
        do {
            return try await answer.futureResult.get()
        } catch let failure as Failure {
            throw failure
        } catch let error as IOError {
            throw Failure(description: "cannot connect: \(error)")
        } catch let error as NIOConnectionError {
            let cause = error.connectionErrors.first.map { "\($0.error)" } ?? "\(error.dnsAError ?? error)"
            throw Failure(description: "cannot connect: \(cause)")
        } catch {
            throw Failure(description: "cannot connect: \(error)")
        }
    }
}

/// Sends the word and takes everything up to the end of the connection.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let word: String
    private let answer: EventLoopPromise<String>
    private let limit: Int
    private var received = ByteBuffer()

    init(word: String, answer: EventLoopPromise<String>, limit: Int) {
        self.word = word
        self.answer = answer
        self.limit = limit
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: word)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var piece = unwrapInboundIn(data)
        received.writeBuffer(&piece)
        if received.readableBytes > limit {
            answer.fail(FourLetterQuestion.Failure(description: "an answer of more than \(limit) bytes"))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.succeed(String(decoding: received.readableBytesView, as: UTF8.self))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(error)
        context.close(promise: nil)
    }
}
