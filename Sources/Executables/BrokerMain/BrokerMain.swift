import ArgumentParser
import BrokerServer
import Glibc
import Logging
import NIOPosix
import Platform
import Settings
import Telemetry

@main
struct BrokerMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-broker",
        abstract: "A broker that speaks Apache Kafka's protocol.",
        discussion: """
            With --standalone a broker and its coordinator run in this one process, without a configuration file: \
            clients connect to localhost:9092.
            """,
        version: Release.version)

    @Argument(help: "The configuration, with Apache Kafka's keys; not needed with --standalone.")
    var configuration: String?

    @Option(help: "Sets a key over the configuration's; repeat for more.", transform: { $0 })
    var override: [String] = []

    @Flag(help: "Runs the coordinator in this process too.")
    var standalone = false

    @Option(help: "Where --standalone keeps its data.")
    var dataDir = "martlet-data"

    @Flag(help: "Prints every key with its meaning, its values and its default, and ends.")
    var settingsReference = false

    func validate() throws {
        for text in override where !text.contains("=") {
            throw ValidationError("--override \(text) is not key=value")
        }
    }

    func run() async throws {
        if settingsReference {
            print(BrokerSchema.reference, terminator: "")
            return
        }
        // Not in validate(), which would hide an unknown option behind this complaint.
        guard configuration != nil || standalone else {
            throw ValidationError("name a configuration file, or use --standalone")
        }
        let signals = TerminationSignals()
        FileLimit.raise()
        bootstrapLogging()
        do {
            try await serve(until: signals, logger: Logger(label: "broker"))
        } catch {
            Self.complain("\(error)")
            throw ExitCode(1)
        }
    }

    /// Serves until a signal or a failure ends it; throws the failure.
    private func serve(until signals: TerminationSignals, logger: Logger) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let (ends, end) = AsyncStream<BrokerFailure?>.makeStream()
        let fail: @Sendable (String) -> Void = { end.yield(BrokerFailure(reason: $0)) }
        var file = try configuration.map { path throws(UnreadableSettings) in try PropertiesFile(reading: path) }
        var embedded: EmbeddedCoordinator?
        if standalone {
            let coordinator = try await EmbeddedCoordinator.start(in: dataDir, on: group, whenFailed: fail)
            file = coordinator.configuration(of: file, dataDirectory: dataDir)
            embedded = coordinator
        }
        do {
            let (settings, warnings) = try BrokerSettings.read(overridden(file))
            for warning in warnings { logger.warning("\(warning)") }
            let broker = try await Broker.start(settings, on: group, logger: logger, whenFailed: fail)
            signals.whenFirstComes { name in
                logger.info("\(name): stopping")
                end.yield(nil)
            }
            for await failure in ends {
                if let failure { throw failure }
                break
            }
            try await broker.stop()
        } catch {
            try await embedded?.stop()
            throw error
        }
        try await embedded?.stop()
        logger.info("stopped")
    }

    private func overridden(_ file: PropertiesFile?) -> PropertiesFile {
        var file = file ?? PropertiesFile(path: "command line", entries: [])
        for text in override {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = parts[0].trimmed
            file.entries.removeAll { $0.key == key }
            file.entries.append(.init(key: key, value: String(parts[1]), line: 0))
        }
        return file
    }

    /// Says on standard error why there is no broker.
    private static func complain(_ sentence: String) {
        var text = "martlet-broker: \(sentence)\n"
        text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}

/// Why a broker that ran could not go on.
struct BrokerFailure: Error, CustomStringConvertible {
    var reason: String

    var description: String { reason }
}
