import Logging
import NIOCore
import Synchronization
import WireCoding

@testable import Transport

/// A handler that notes what it is told, for a test on another thread to await, and that may answer.
final class RecordingHandler: ConnectionHandler, Sendable {
    enum Event: Sendable {
        case frames([[UInt8]])
        case closed(CloseReason)
    }

    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let answer: @Sendable ([ByteBuffer], Connection) -> Void
    private let takeOver: @Sendable (UInt32, Connection) -> Bool

    init(
        takeOver: @escaping @Sendable (UInt32, Connection) -> Bool = { _, _ in false },
        answer: @escaping @Sendable ([ByteBuffer], Connection) -> Void = { _, _ in }
    ) {
        (events, continuation) = AsyncStream.makeStream()
        self.answer = answer
        self.takeOver = takeOver
    }

    /// Sends every frame back.
    static func echo() -> RecordingHandler {
        RecordingHandler(answer: { frames, connection in
            var pieces: [RecordBytes] = []
            for frame in frames {
                pieces.append(.inMemory(ByteBuffer(integer: UInt32(frame.readableBytes))))
                pieces.append(.inMemory(frame))
            }
            connection.send(pieces)
        })
    }

    func received(_ frames: [ByteBuffer], on connection: Connection) {
        continuation.yield(.frames(frames.map { Array($0.readableBytesView) }))
        answer(frames, connection)
    }

    func takesOver(firstFourBytes: UInt32, on connection: Connection) -> Bool {
        takeOver(firstFourBytes, connection)
    }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        continuation.yield(.closed(reason))
        continuation.finish()
    }

    /// The next `count` frames, or fewer when the connection ends before.
    func frames(_ count: Int) async -> [[UInt8]] {
        var frames: [[UInt8]] = []
        guard count > 0 else { return frames }
        for await event in events {
            guard case .frames(let more) = event else { break }
            frames += more
            if frames.count >= count { break }
        }
        return frames
    }

    /// Waits for the end.
    func closeReason() async -> CloseReason? {
        for await event in events {
            if case .closed(let reason) = event { return reason }
        }
        return nil
    }
}

/// A frame as it stands on the wire.
func frame(_ bytes: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer(integer: UInt32(bytes.count))
    buffer.writeBytes(bytes)
    return buffer
}

/// Log lines of one test.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    /// Waits for a line that contains `text`, not for ever, and returns all such lines. What a peer sees of a connection's
    /// end may come before the line that tells of it.
    func containing(_ text: String) async throws -> [String] {
        for _ in 0..<1000 where !all.contains(where: { $0.contains(text) }) {
            try await Task.sleep(for: .milliseconds(10))
        }
        return all.filter { $0.contains(text) }
    }

    var logger: Logger {
        Logger(label: "test") { _ in Sink(lines: self) }
    }

    private struct Sink: LogHandler {
        let lines: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}
