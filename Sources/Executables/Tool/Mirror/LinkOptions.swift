import ArgumentParser
import FoundationEssentials
import Logging
import MirrorServer
import Mirroring
import NIOPosix
import Settings

/// Which link a command is about, and how it tells what it did.
struct LinkOptions: ParsableArguments {
    @Option(help: "The mirror's configuration: mm2.properties, or YAML.") var config: String
    @Option(help: "The link, as the configuration names it: source->target.") var link: String
    @Option(
        help: """
            Regular expressions of topics as the link's source calls them, with commas between; without it all that came by \
            the link.
            """)
    var topics: String?
    @Flag(help: "Print JSON.") var json = false

    /// How long who only looks waits for a cluster that may be away.
    static let patience = Duration.seconds(10)

    /// nil for all topics.
    func selection() throws -> NameSelection? {
        guard let topics else { return nil }
        do throws(NameSelection.Unreadable) {
            return try NameSelection(including: topics.listItems)
        } catch {
            throw ValidationError("--topics: '\(error.pattern)' is no regular expression")
        }
    }

    /// What is said when there is no topic to do something with.
    var nothingCame: String { "no topic \(topics.map { "matching \($0) " } ?? "")came by link \(link)" }

    /// Runs `body` with connections to both ends, which are closed afterwards.
    /// - Parameters:
    ///   - sourceTimeout: how long an operation at the source may take; nil as it is set.
    ///   - targetTimeout: the same at the target.
    ///   - movesHomes: whether homes of topics are to be moved.
    ///   - needsSource: whether the source has to answer before anything is begun, as the target has to.
    func withEnds<Value: Sendable>(
        sourceTimeout: Duration? = nil, targetTimeout: Duration? = nil, movesHomes: Bool = false,
        needsSource: Bool = false, _ body: (LinkEnds) async throws -> Value
    ) async throws -> Value {
        let (settings, _) = try MirrorSettings.read(at: config)
        let ends = try await LinkEnds.open(
            link, in: settings, sourceTimeout: sourceTimeout, targetTimeout: targetTimeout, movesHomes: movesHomes,
            needsSource: needsSource, within: Self.patience, on: MultiThreadedEventLoopGroup.singleton,
            logger: Self.warnings)
        do {
            let value = try await body(ends)
            await ends.close()
            return value
        } catch {
            await ends.close()
            throw error
        }
    }

    /// The same for who moves homes, and is told what to do where a cluster is lost that has to answer.
    func withEndsOfMove(
        sourceTimeout: Duration? = nil, needsSource: Bool = false, _ body: (LinkEnds) async throws -> Void
    ) async throws {
        do {
            try await withEnds(sourceTimeout: sourceTimeout, movesHomes: true, needsSource: needsSource, body)
        } catch let absent as AbsentCluster {
            throw CommandFailure(
                "\(absent); where it is lost, and \(absent.other) is to be the home of its topics: martlet mirror failover "
                    + "--link '\(absent.alias)->\(absent.other)'")
        }
    }

    /// Tells what clients complain about.
    static var warnings: Logger {
        var logger = Logger(label: "martlet", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        return logger
    }

    static func printJSON(_ report: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }
}
