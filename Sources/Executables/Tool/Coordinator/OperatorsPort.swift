import ArgumentParser
import Logging
import NIOCore
import NIOPosix
import Security
import Settings
import Telemetry
import Transport

/// A running coordinator's port for operators, and who asks there.
struct OperatorsPort: ParsableArguments {
    @Option(help: "A running coordinator's host:adminPort, in place of a directory.") var server: String?
    @Option(help: "user:password of who has all permissions on / there; others on this machine can read it.")
    var auth: String?
    @Option(help: "A file whose first line is user:password, in place of --auth.") var authFile: String?
    @Option(help: "PEM file with the authorities of its certificate: speaks TLS.") var tlsTrust: String?
    @Option(help: "In front of the commands' names, as the coordinator has it.") var commandURL = "/commands"

    func validate() throws {
        if server == nil, auth != nil || authFile != nil { throw ValidationError("--auth is for --server") }
        if auth != nil, authFile != nil { throw ValidationError("--auth or --auth-file, not both") }
    }

    /// The call of a command; nil without `--server`.
    func call(_ command: String, method: String) throws -> HTTPCall? {
        guard let server else { return nil }
        guard let colon = server.lastIndex(of: ":"), let port = Int(server[server.index(after: colon)...]),
            (1...65535).contains(port), colon > server.startIndex
        else { throw ValidationError("'\(server)' is no host:adminPort") }
        let host = server[..<colon].drop { $0 == "[" }.prefix { $0 != "]" }
        var call = HTTPCall(host: String(host), port: port, method: method, target: "\(commandURL)/\(command)")
        if let user = try user() { call.headers.append(("Authorization", "digest \(user)")) }
        if let tlsTrust {
            let settings = TLSSettings(trust: .file(tlsTrust))
            let tls = try TLSInFront(client: settings, host: call.host, logger: Logger(label: "tool"))
            call.prepare = { channel in
                let isReady = channel.eventLoop.makePromise(of: Void.self)
                // A handshake that fails ends the connection.
                channel.closeFuture.whenComplete { _ in isReady.fail(NoHandshake()) }
                try tls.prepare(channel) { _ in isReady.succeed() }
                return isReady.futureResult
            }
        }
        return call
    }

    private func user() throws -> String? {
        guard let authFile else { return auth }
        return try PropertiesFile.lines(reading: authFile).first
    }
}

private struct NoHandshake: Error, CustomStringConvertible {
    var description: String { "the other side ended the connection, or its certificate is not good" }
}

extension HTTPCall {
    /// Sends the request and throws what the coordinator has against it.
    func send(
        bodyLength: Int = 0, nextPart: () throws -> ByteBuffer? = { nil },
        receive: (ByteBuffer) throws -> Void = { _ in }
    ) async throws -> String {
        var text = ByteBuffer()
        let head = try await perform(
            on: MultiThreadedEventLoopGroup.singleton, bodyLength: bodyLength, nextPart: nextPart
        ) { head, bytes in
            if head.status == 200, head.contentType == "application/octet-stream" { return try receive(bytes) }
            if text.readableBytes < 1 << 16 { text.writeImmutableBuffer(bytes) }
        }
        let answer = String(buffer: text)
        guard head.status == 200, !answer.contains("\"error\" : \"") else {
            throw CommandFailure("\(host):\(port) answers \(head.status): \(Self.error(in: answer) ?? answer)")
        }
        return answer
    }

    /// The sentence in the JSON of a refusal.
    private static func error(in answer: String) -> String? {
        answer.split(separator: "\"error\" : \"", maxSplits: 1).dropFirst().first?.split(separator: "\"").first
            .map { String($0) }
    }
}
