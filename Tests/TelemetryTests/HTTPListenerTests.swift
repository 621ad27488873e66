import Foundation
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import Telemetry

@Suite(.timeLimit(.minutes(1))) struct HTTPListenerTests {
    private func listener(idleTimeout: Duration = .seconds(30)) async throws -> HTTPListener {
        try await HTTPListener.bind(
            host: "127.0.0.1", port: 0, idleTimeout: idleTimeout, on: MultiThreadedEventLoopGroup.singleton
        ) { exchange in
            let request = exchange.request
            if request.path == "/echo" { return Self.echo(exchange) }
            guard request.method != "POST" else { return exchange.reply(.methodNotAllowed) }
            let text = "\(request.path) \(request.authorization ?? "nobody")\n"
            // As from another thread.
            MultiThreadedEventLoopGroup.singleton.next().execute {
                exchange.reply(HTTPAnswer(contentType: "text/plain", body: text))
            }
        }
    }

    /// Answers a body with the same and its size.
    private static func echo(_ exchange: HTTPExchange) {
        Thread {
            do {
                var body = ByteBuffer()
                while let part = try exchange.nextPartOfBody() { body.writeImmutableBuffer(part) }
                let size = [("size", "\(body.readableBytes)")]
                exchange.begin(
                    HTTPAnswer(contentType: "text/plain", headers: size, body: ""), length: body.readableBytes)
                while let part = body.readSlice(length: min(body.readableBytes, 100_000)), part.readableBytes > 0 {
                    try exchange.write(part)
                }
                exchange.end()
            } catch {
                exchange.abort()
            }
        }.start()
    }

    /// A socket on which nothing is waited for longer than ten seconds.
    private func connection(to port: Int) -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(outcome == 0, "errno \(errno)")
        return descriptor
    }

    /// All that the server says to `text` until it closes; at most ten seconds.
    private func said(to text: String, on listener: HTTPListener) -> String {
        let descriptor = connection(to: listener.port)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count,
            case let count = send(descriptor, Array(bytes[sent...]), bytes.count - sent, CInt(MSG_NOSIGNAL)), count > 0
        {
            sent += count
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { answer += buffer[..<count] }
        return String(decoding: answer, as: UTF8.self)
    }

    @Test func requestsOfOneConnectionAreAnsweredInTheirOrder() async throws {
        let listener = try await listener()
        let answer = said(
            to: "GET /one HTTP/1.1\r\nHost: h\r\n\r\nGET /two HTTP/1.1\r\nHost: h\r\nAuthorization: digest a:b\r\n"
                + "Connection: close\r\n\r\n",
            on: listener)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"))
        #expect(answer.contains("\r\n\r\n/one nobody\nHTTP/1.1 200 OK"))
        #expect(answer.hasSuffix("\r\n\r\n/two digest a:b\n"))
        try await listener.close()
    }

    @Test func aHeadHasNoBodyAndABodyThatIsSentCountsForNothing() async throws {
        let listener = try await listener()
        let head = said(to: "HEAD /one HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", on: listener)
        #expect(head.contains("Content-Length: 12\r\n") && head.hasSuffix("\r\n\r\n"))
        let post = said(
            to: "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", on: listener)
        #expect(post.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n"))
        try await listener.close()
    }

    @Test func bodiesPassInPieces() async throws {
        let listener = try await listener()
        let body = String(repeating: "0123456789", count: 400_000)
        let head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        let answer = said(to: head + body, on: listener)
        #expect(answer.contains("\r\nsize: 4000000\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n" + body))
        // Nobody reads this one, and it is answered all the same.
        let unwanted = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        #expect(said(to: unwanted + body, on: listener).hasPrefix("HTTP/1.1 405"))
        try await listener.close()
    }

    @Test func whoGoesOnForeverAfterTheAnswerIsCutOff() async throws {
        let listener = try await listener(idleTimeout: .milliseconds(300))
        let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n"
        for keeping in ["", "Connection: close\r\n"] {
            let descriptor = connection(to: listener.port)
            defer { close(descriptor) }
            var sent = Array((head + keeping + "\r\n").utf8)
            while send(descriptor, sent, sent.count, CInt(MSG_NOSIGNAL)) > 0 {
                sent = [0]
                usleep(1000)
            }
            #expect(errno == EPIPE || errno == ECONNRESET)
        }
        try await listener.close()
    }

    @Test func aBodyThatEndsTooEarlyIsNone() async throws {
        let listener = try await listener(idleTimeout: .milliseconds(200))
        let answer = said(to: "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n012", on: listener)
        #expect(answer == "")
        try await listener.close()
    }

    @Test func whatIsNoHTTPIsRefused() async throws {
        let listener = try await listener()
        #expect(said(to: "ruok\r\n\r\n", on: listener).hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        try await listener.close()
    }

    @Test func aConnectionThatStaysIdleIsClosed() async throws {
        let listener = try await listener(idleTimeout: .milliseconds(50))
        #expect(said(to: "GET / HTTP/1.1\r\n", on: listener).isEmpty)
        try await listener.close()
    }
}
