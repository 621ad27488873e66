import ArgumentParser
import CoordinatorClient
import Logging
import NIOCore
import NIOPosix
import Platform
import Security
import Settings
import Telemetry
import Transport

/// What commands have in common that put a coordinator under load.
struct CoordinatorLoad: ParsableArguments {
    /// Sessions that are being opened at a time.
    private static let openingAtOnce = 64

    @Option(help: "Where it is: host:port, or several of them, comma-separated, among which sessions are dealt out.")
    var server = "localhost:2181"

    @Option(help: "Sessions, each with a connection of its own.")
    var sessions = 1

    @Option(help: "A file with ssl.* keys, for a coordinator that is served over TLS.")
    var commandConfig: String?

    /// Opens the sessions, gives them to `body`, and closes them.
    func withSessions(_ body: ([LoadSession]) async throws -> Void) async throws {
        FileLimit.raise()
        var settings = try CoordinatorSettings(connect: server)
        let logger = Logger(label: "perf") { LogLines(component: $0, level: .warning) }
        if let commandConfig {
            let file = try PropertiesFile(reading: commandConfig)
            let values = Dictionary(file.entries.map { ($0.key, $0.value) }) { $1 }
            settings.tls = try TLSContexts(TLSSettings { values[$0] }, role: .client, logger: logger)
        }
        let opened = try await open(settings, logger)
        try await body(opened)
        try await withThrowingTaskGroup { group in
            for session in opened { group.addTask { try await session.close() } }
            try await group.waitForAll()
        }
    }

    private func open(_ settings: CoordinatorSettings, _ logger: Logger) async throws -> [LoadSession] {
        try await withThrowingTaskGroup(of: LoadSession.self) { group in
            var opened: [LoadSession] = []
            for number in 0..<sessions {
                if number >= Self.openingAtOnce, let one = try await group.next() { opened.append(one) }
                let server = settings.servers[number % settings.servers.count]
                let connect = ConnectSettings(host: server.host, port: server.port, tls: settings.tls)
                group.addTask {
                    try await LoadSession.open(connect, on: MultiThreadedEventLoopGroup.singleton, logger: logger)
                }
            }
            for try await one in group { opened.append(one) }
            return opened
        }
    }
}
