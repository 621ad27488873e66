import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Telemetry

@Suite(.timeLimit(.minutes(1))) struct HTTPCallTests {
    private static let group = MultiThreadedEventLoopGroup.singleton

    /// Refuses what is posted without a look at it.
    private func refusing() async throws -> HTTPListener {
        try await HTTPListener.bind(host: "127.0.0.1", port: 0, idleTimeout: .seconds(30), on: Self.group) {
            $0.reply(HTTPAnswer(status: 503, contentType: "text/plain", body: "not now"))
        }
    }

    private func outcome(
        of call: HTTPCall, bodyLength: Int, _ nextPart: () throws -> ByteBuffer?
    ) async throws -> String {
        var text = ByteBuffer()
        let head = try await call.perform(on: Self.group, bodyLength: bodyLength, nextPart: nextPart) { _, bytes in
            text.writeImmutableBuffer(bytes)
        }
        return "\(head.status) \(String(buffer: text))"
    }

    /// The server has read what it was told to expect, and ends the connection before the client has said that it is
    /// done, or while it still has something.
    @Test(arguments: [0, 1]) func anAnswerIsReadAfterTheConnectionHasEnded(surplus: Int) async throws {
        let listener = try await refusing()
        let end = Mutex<EventLoopFuture<Void>?>(nil)
        var call = HTTPCall(host: "127.0.0.1", port: listener.port, method: "POST", target: "/")
        call.prepare = { channel in
            end.withLock { $0 = channel.closeFuture }
            return channel.eventLoop.makeSucceededVoidFuture()
        }
        var parts = [ByteBuffer(string: "body")] + Array(repeating: ByteBuffer(string: "!"), count: surplus)
        let answer = try await outcome(of: call, bodyLength: 4) {
            if parts.count == surplus { try end.withLock { $0 }?.wait() }
            return parts.isEmpty ? nil : parts.removeFirst()
        }
        #expect(answer == "503 not now")
        try await listener.close()
    }

    /// The client would be sending for days.
    @Test func whatIsAnsweredIsNotSentToItsEnd() async throws {
        let listener = try await refusing()
        let piece = ByteBuffer(repeating: 0, count: 100_000)
        let call = HTTPCall(host: "127.0.0.1", port: listener.port, method: "POST", target: "/")
        #expect(try await outcome(of: call, bodyLength: 1 << 50) { piece } == "503 not now")
        try await listener.close()
    }

    @Test func whatEndsWithoutAnAnswerIsSaidToHaveFailed() async throws {
        let listener = try await HTTPListener.bind(
            host: "127.0.0.1", port: 0, idleTimeout: .seconds(30), on: Self.group
        ) { $0.abort() }
        let piece = ByteBuffer(repeating: 0, count: 100_000)
        let call = HTTPCall(host: "127.0.0.1", port: listener.port, method: "POST", target: "/")
        await #expect(throws: (any Error).self) { try await outcome(of: call, bodyLength: 1 << 50) { piece } }
        try await listener.close()
    }
}
