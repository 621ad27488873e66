import Logging
import NIOCore
import NIOPosix
import Security
import Testing
import WireCoding

@testable import Transport

@Suite struct LoopbackTests {
    private let group = MultiThreadedEventLoopGroup.singleton
    private let lines = LogLines()

    private func listener(
        _ settings: (inout ListenerSettings) -> Void = { _ in },
        _ makeHandler: @escaping @Sendable (Connection) -> any ConnectionHandler
    ) async throws -> Listener {
        var values = ListenerSettings(name: "TEST", host: "127.0.0.1", port: 0, maximumFrameSizeInBytes: 1 << 20)
        settings(&values)
        return try await Listener.bind(values, on: group, logger: lines.logger, makeHandler: makeHandler)
    }

    private func dial(_ listener: Listener, _ handler: RecordingHandler) async throws -> Connection {
        try await Connector.connect(
            ConnectSettings(host: "127.0.0.1", port: listener.port), on: group, logger: lines.logger
        ) { _ in handler }
    }

    @Test func framesGoAndComeBackInOrder() async throws {
        let listener = try await listener { _ in RecordingHandler.echo() }
        let client = RecordingHandler()
        let connection = try await dial(listener, client)
        #expect(connection.principal == .anonymous)
        let sent = (0..<500).map { number in [UInt8](repeating: UInt8(number % 251), count: number * 7) }
        for bytes in sent { connection.send(frame(bytes)) }
        #expect(await client.frames(sent.count) == sent)
        #expect(listener.connectionCount == 1)
        connection.close(.ended)
        #expect(await client.closeReason() == .ended)
        try await listener.close()
    }
}
