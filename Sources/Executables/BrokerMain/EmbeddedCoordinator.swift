import CoordinatorServer
import Logging
import NIOCore
import Settings

/// The coordinator of a broker that stands alone: in the broker's process, for nobody but this machine.
struct EmbeddedCoordinator {
    private let server: CoordinatorServer
    private let port: Int

    /// Keeps its files in `coordinator` below `dataDirectory`.
    static func start(
        in dataDirectory: String, on group: any EventLoopGroup, whenFailed: @escaping @Sendable (String) -> Void
    ) async throws -> EmbeddedCoordinator {
        let settings = CoordinatorSettings(
            plaintext: .init(host: "127.0.0.1", port: 0), dataDirectory: "\(dataDirectory)/coordinator")
        let server = try await CoordinatorServer.start(settings, on: group, logger: Logger(label: "coordinator")) {
            whenFailed("\($0)")
        }
        guard let port = server.plaintextPort else { preconditionFailure("a plaintext listener was asked for") }
        return EmbeddedCoordinator(server: server, port: port)
    }

    func stop() async throws { try await server.stop() }

    /// What a broker that stands alone is told, as far as `file` does not say otherwise.
    func configuration(of file: PropertiesFile?, dataDirectory: String) -> PropertiesFile {
        var file = file ?? PropertiesFile(path: "--standalone", entries: [])
        let defaults = [
            ("zookeeper.connect", "127.0.0.1:\(port)"), ("log.dirs", "\(dataDirectory)/broker"),
            ("listeners", "PLAINTEXT://127.0.0.1:9092"), ("advertised.listeners", "PLAINTEXT://localhost:9092"),
            ("offsets.topic.replication.factor", "1"),
            ("group.initial.rebalance.delay.ms", "0"),
        ]
        for (key, value) in defaults where !file.entries.contains(where: { $0.key == key }) {
            file.entries.append(.init(key: key, value: value, line: 0))
        }
        return file
    }
}
