import ArgumentParser
import CoordinatorServer
import Glibc
import Logging
import NIOPosix
import Platform
import Settings
import Telemetry

@main
struct CoordinatorMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-coordinator",
        abstract: "A coordination service that speaks Apache ZooKeeper's client protocol.",
        version: Release.version)

    @Argument(help: "The configuration, with Apache ZooKeeper's keys.")
    var configuration: String?

    @Flag(help: "Prints every key with its meaning, its values and its default, and ends.")
    var settingsReference = false

    func run() async throws {
        if settingsReference {
            print(CoordinatorSchema.reference, terminator: "")
            return
        }
        // Not in validate(), which would hide an unknown option behind this complaint.
        guard let configuration else { throw ValidationError("name a configuration file") }
        let signals = TerminationSignals()
        FileLimit.raise()
        bootstrapLogging()
        let logger = Logger(label: "coordinator")
        do {
            let (settings, warnings) = try CoordinatorSettings.read(try PropertiesFile(reading: configuration))
            for warning in warnings { logger.warning("\(warning)") }
            try await serve(settings, until: signals, logger: logger)
        } catch {
            Self.complain("\(error)")
            throw ExitCode(1)
        }
    }

    /// Serves until a signal or a failure ends it; throws the failure.
    private func serve(
        _ settings: CoordinatorSettings, until signals: TerminationSignals, logger: Logger
    ) async throws {
        let (ends, end) = AsyncStream<(any Error)?>.makeStream()
        let server = try await CoordinatorServer.start(
            settings, on: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { failure in
            end.yield(failure)
        }
        signals.whenFirstComes { name in
            logger.info("\(name): stopping")
            end.yield(nil)
        }
        for await failure in ends {
            if let failure { throw failure }
            break
        }
        try await server.stop()
        logger.info("stopped")
    }

    /// Says on standard error why there is no coordinator.
    private static func complain(_ sentence: String) {
        var text = "martlet-coordinator: \(sentence)\n"
        text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}
