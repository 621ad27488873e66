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

    @Test func longFramesAreReadRightIntoTheirMemory() async throws {
        let listener = try await listener { _ in RecordingHandler.echo() }
        let client = RecordingHandler()
        let connection = try await dial(listener, client)
        // Around the size from which on frames are filled, and between them short ones, which come in the same reads.
        let sizes = [1 << 20, 3, 65_535, 65_536, 65_537, 0, 200_000, 1, 1 << 20, 131_072, 7, 700_001]
        for round in 0..<5 {
            let sent = sizes.enumerated().map { place, size in
                (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ place &* 7 &+ round) }
            }
            for bytes in sent { connection.send(frame(bytes)) }
            #expect(await client.frames(sent.count) == sent)
        }
        connection.close(.ended)
        #expect(await client.closeReason() == .ended)
        #expect(!lines.all.contains { $0.contains("lost") })
        try await listener.close()
    }

    // MARK: Bad input

    /// What a listener says and does when it is sent `bytes`.
    private func fate(of bytes: ByteBuffer) async throws -> [String] {
        let listener = try await listener { _ in RecordingHandler.echo() }
        let innocent = RecordingHandler()
        let bystander = try await dial(listener, innocent)
        let client = RecordingHandler()
        let connection = try await dial(listener, client)
        connection.send(bytes)
        #expect(await client.closeReason() == .endedByPeer)
        bystander.send(frame([1]))
        #expect(await innocent.frames(1) == [[1]])
        try await listener.close()
        return try await lines.containing("closed a connection of 127.0.0.1")
    }

    @Test func whatIsNoFrameEndsThatConnectionWithOneLine() async throws {
        let said = try await fate(of: ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(said.count == 1)
        #expect(said.first?.hasPrefix("warning: closed a connection of 127.0.0.1:") == true)
        #expect(said.first?.hasSuffix("(listener TEST): text (\"GET \") where a frame's length should be") == true)
    }

    @Test func anOversizedFrameEndsThatConnectionWithOneLine() async throws {
        let said = try await fate(of: ByteBuffer(integer: UInt32(1 << 20 + 1)))
        #expect(said.count == 1)
        #expect(said.first?.hasSuffix("a frame of 1048577 bytes, more than the 1048576 allowed") == true)
    }

    @Test func framesBeforeABadOneAreStillHandedOver() async throws {
        let server = RecordingHandler()
        let listener = try await listener { _ in server }
        let connection = try await dial(listener, RecordingHandler())
        var bytes = frame([5])
        bytes.writeInteger(UInt32.max)
        connection.send(bytes)
        #expect(await server.frames(2) == [[5]])
        try await listener.close()
    }

    @Test func aHandlerThatFindsNonsenseEndsTheConnectionWithOneLine() async throws {
        let listener = try await listener { _ in
            RecordingHandler(answer: { _, connection in connection.close(.badInput("nonsense")) })
        }
        let client = RecordingHandler()
        let connection = try await dial(listener, client)
        connection.send(frame([1]))
        #expect(await client.closeReason() == .endedByPeer)
        #expect(try await lines.containing("nonsense").count == 1)
        try await listener.close()
    }

    // MARK: Limits

    @Test func connectionsBeyondTheLimitAreRefusedAndLeavingMakesRoom() async throws {
        let server = RecordingHandler()
        let listener = try await listener({ $0.maximumConnections = 1 }) { _ in server }
        let first = try await dial(listener, RecordingHandler())
        // Connections are accepted on several loops: which one came first is certain only once it is heard.
        first.send(frame([1]))
        #expect(await server.frames(1) == [[1]])
        let second = RecordingHandler()
        _ = try await dial(listener, second)
        #expect(await second.closeReason() == .endedByPeer)
        #expect(try await lines.containing("there are already 1 connections, the limit").count == 1)
        first.close(.ended)
        #expect(await server.closeReason() == .endedByPeer)
        #expect(listener.connectionCount == 0)
        try await listener.close()
    }

    @Test func connectionsOfOneAddressAreLimited() async throws {
        let listener = try await listener({ $0.maximumConnectionsPerAddress = 1 }) { _ in RecordingHandler.echo() }
        let first = RecordingHandler()
        let connection = try await dial(listener, first)
        // As above.
        connection.send(frame([1]))
        #expect(await first.frames(1) == [[1]])
        let second = RecordingHandler()
        _ = try await dial(listener, second)
        #expect(await second.closeReason() == .endedByPeer)
        #expect(try await !lines.containing("connections of 127.0.0.1, the limit for one address").isEmpty)
        try await listener.close()
    }

    @Test func idleConnectionsAreClosed() async throws {
        let server = RecordingHandler()
        let listener = try await listener({ $0.maximumIdleTime = .milliseconds(30) }) { _ in server }
        let client = RecordingHandler()
        _ = try await dial(listener, client)
        #expect(await client.closeReason() == .endedByPeer)
        #expect(await server.closeReason() == .idle(.milliseconds(30)))
        try await listener.close()
    }

    @Test func aPortInUseIsToldInOneSentence() async throws {
        let listener = try await listener { _ in RecordingHandler.echo() }
        await #expect {
            _ = try await self.listener({ $0.port = listener.port }) { _ in RecordingHandler.echo() }
        } throws: { error in
            "\(error)" == "listener TEST cannot listen on 127.0.0.1:\(listener.port): the port is in use"
        }
        try await listener.close()
    }

    @Test func aPortThatNobodyListensAtIsToldInOneSentence() async throws {
        // One of the ports that are given out could be another test's by now.
        let settings = ConnectSettings(host: "127.0.0.1", port: 1)
        await #expect {
            _ = try await Connector.connect(settings, on: group, logger: lines.logger) { _ in RecordingHandler() }
        } throws: { "\($0)" == "cannot connect to 127.0.0.1:1: nobody listens there" }
    }

    // MARK: Taking over, closing, pausing

    @Test func fourLettersCanTakeTheConnectionOver() async throws {
        let listener = try await listener { _ in
            RecordingHandler(takeOver: { word, connection in
                guard word == 0x7275_6f6b else { return false }
                connection.send(frame(Array("imok".utf8)))
                connection.close(.ended)
                return true
            })
        }
        for step in [1, 4, 5] {
            let client = RecordingHandler()
            let connection = try await dial(listener, client)
            var word = ByteBuffer(string: "ruok\n")
            while let part = word.readSlice(length: min(step, max(word.readableBytes, 1))) { connection.send(part) }
            #expect(await client.frames(1) == [Array("imok".utf8)])
            #expect(await client.closeReason() == .endedByPeer)
        }
        try await listener.close()
    }

    @Test func whatWasSentBeforeTheEndArrives() async throws {
        let bulk = [UInt8](repeating: 9, count: 6 << 20)
        let listener = try await listener { _ in
            RecordingHandler(answer: { _, connection in
                connection.send(frame(bulk))
                connection.close(.ended)
            })
        }
        let client = RecordingHandler()
        let connection = try await dial(listener, client)
        connection.send(frame([1]))
        #expect(await client.frames(1) == [bulk])
        #expect(await client.closeReason() == .endedByPeer)
        try await listener.close()
    }

    @Test func aPeerThatLeavesWhileMuchIsBeingSentHarmsNobody() async throws {
        let server = RecordingHandler(answer: { _, connection in
            for _ in 0..<64 { connection.send(ByteBuffer(repeating: 0, count: 1 << 20)) }
        })
        let listener = try await listener { _ in server }
        let connection = try await dial(listener, RecordingHandler())
        connection.pauseReading()
        connection.send(frame([1]))
        _ = await server.frames(1)
        connection.close(.shutDown)
        _ = await server.closeReason()
        #expect(listener.connectionCount == 0)
        try await listener.close()
    }

    /// The end of what comes is read together with the last bytes only when those fill the buffer; which NIO's debug
    /// builds do not stand when the channel may outlive its input.
    @Test func aConnectionIsClosedInTheBurstThatHoldsItsEnd() async throws {
        let server = RecordingHandler(answer: { _, connection in connection.close(.badInput("nonsense")) })
        let listener = try await listener { connection in
            // Only the end makes it read.
            connection.pauseReading()
            return server
        }
        let connection = try await dial(listener, RecordingHandler())
        let bytes = [UInt8](repeating: 1, count: SocketOptions.firstReadSize - 4)
        connection.send(frame(bytes))
        connection.close(.ended)
        #expect(await server.frames(1) == [bytes])
        #expect(await server.closeReason() == .badInput("nonsense"))
        #expect(listener.connectionCount == 0)
        try await listener.close()
    }

    @Test func whoHasTakenOverAnswersAPeerThatHasSaidItsLast() async throws {
        let listener = try await listener { _ in
            RecordingHandler(takeOver: { _, connection in
                // Later than the end of what comes, which is read right after the word.
                connection.eventLoop.scheduleTask(in: .milliseconds(50)) {
                    connection.send(ByteBuffer(string: "imok"))
                    connection.close(.ended)
                }
                return true
            })
        }
        let socket = try await ClientBootstrap(group: group).channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: listener.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        let answer = try await socket.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "ruok"))
            outbound.finish()
            var answer = ""
            for try await part in inbound { answer += String(buffer: part) }
            return answer
        }
        #expect(answer == "imok")
        try await listener.close()
    }

    @Test func whoDoesNotReadIsNotReadFurther() async throws {
        let listener = try await listener({ $0.unsentBytesBound = 1 << 20 }) { _ in RecordingHandler.echo() }
        let client = RecordingHandler()
        let connection = try await dial(listener, client)
        connection.pauseReading()
        let bulk = [UInt8](repeating: 3, count: 1 << 19)
        // More than both sockets' buffers hold: the echo can only end when the client reads.
        for _ in 0..<128 { connection.send(frame(bulk)) }
        connection.resumeReading()
        let received = await client.frames(128)
        #expect(received.count == 128)
        #expect(received.allSatisfy { $0 == bulk })
        try await listener.close()
    }
}
