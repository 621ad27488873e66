import ArgumentParser
import Glibc
import Logging
import MirrorServer
import NIOPosix
import Platform
import Settings
import Telemetry

@main
struct MirrorMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-mirror",
        abstract: "Copies topics between clusters, configured as MirrorMaker 2.",
        version: Release.version)

    /// What is under way from near brokers, and the room around it.
    private static let keptMemoryInBytes = 64 << 20

    @Argument(help: "The configuration, with MirrorMaker 2's keys: mm2.properties, or the same as YAML.")
    var configuration: String?

    @Option(
        parsing: .upToNextOption,
        help: "The clusters that this process writes to; without it, all. Run it near its targets.")
    var clusters: [String] = []

    @Flag(help: "Prints every key with its meaning, its values and its default, and ends.")
    var settingsReference = false

    func run() async throws {
        if settingsReference {
            print(MirrorSchema.reference, terminator: "")
            return
        }
        // Not in validate(), which would hide an unknown option behind this complaint.
        guard let configuration else { throw ValidationError("name a configuration file") }
        let signals = TerminationSignals()
        FileLimit.raise()
        FreeMemory.keep(upTo: Self.keptMemoryInBytes)
        bootstrapLogging()
        let logger = Logger(label: "mirror")
        do {
            let (settings, warnings) = try MirrorSettings.read(
                at: configuration, targets: clusters.flatMap(\.listItems))
            for warning in warnings { logger.warning("\(warning)") }
            try await mirror(settings, until: signals, logger: logger)
        } catch {
            Self.complain("\(error)")
            throw ExitCode(1)
        }
    }

    private func mirror(_ settings: MirrorSettings, until signals: TerminationSignals, logger: Logger) async throws {
        let (ends, end) = AsyncStream<Void>.makeStream()
        let mirror = try Mirror.start(settings, on: MultiThreadedEventLoopGroup.singleton, logger: logger)
        var metrics: MirrorMetrics?
        if let settings = settings.metrics {
            metrics = try await MirrorMetrics.start(settings, on: MultiThreadedEventLoopGroup.singleton) {
                mirror.metrics
            }
        }
        signals.whenFirstComes { name in
            logger.info("\(name): stopping")
            end.yield()
        }
        for await _ in ends { break }
        await mirror.stop()
        try await metrics?.stop()
        logger.info("stopped")
    }

    /// Says on standard error why there is no mirror.
    private static func complain(_ sentence: String) {
        var text = "martlet-mirror: \(sentence)\n"
        text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }
}
