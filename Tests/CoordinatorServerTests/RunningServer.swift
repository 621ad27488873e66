import Foundation
import Logging
import NIOPosix
import Synchronization

@testable import CoordinatorServer

/// A server in a directory of its own, which can be stopped and started again.
final class RunningServer {
    let directory: String
    let lines = NotedLines()
    private(set) var server: CoordinatorServer?
    private var settings: CoordinatorSettings

    init(_ change: (inout CoordinatorSettings) -> Void = { _ in }) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "coordinator-\(UUID().uuidString)")
        directory = folder.path
        settings = CoordinatorSettings(
            plaintext: CoordinatorSettings.Endpoint(host: "127.0.0.1", port: 0), dataDirectory: directory)
        settings.storage.allocationSizeInBytes = 65536
        change(&settings)
        try await start()
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: directory) } catch {
            print("cannot remove \(directory): \(error)")
        }
    }

    func start() async throws {
        server = try await CoordinatorServer.start(
            settings, on: MultiThreadedEventLoopGroup.singleton, logger: lines.logger, whenFailed: { _ in })
    }

    func stop() async throws {
        try await server?.stop()
        server = nil
    }

    func client() -> BlockingClient { BlockingClient(port: server?.plaintextPort ?? 0) }

    /// What a four-letter word is answered.
    func answer(to word: String) -> String {
        let client = client()
        client.send(Array(word.utf8))
        return client.receiveAll()
    }
}

/// Log lines of one server.
final class NotedLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Sink(lines: self) } }

    private struct Sink: LogHandler {
        let lines: NotedLines
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
