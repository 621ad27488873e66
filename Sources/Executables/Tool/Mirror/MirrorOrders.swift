import ArgumentParser
import MirrorServer
import Mirroring
import NIOPosix
import Settings

/// `martlet mirror pause`.
struct MirrorPause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Let a link read nothing until it is resumed; it keeps all it has.",
        discussion: "Heartbeats go on. Mirror topics stay read-only; groups stay where they are.")

    @OptionGroup var options: OrderOptions

    func run() async throws { try await options.give(.pause) }
}

/// `martlet mirror resume`.
struct MirrorResume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a paused link go on where it stands.")

    @OptionGroup var options: OrderOptions

    func run() async throws { try await options.give(.resume) }
}

/// `martlet mirror set`.
struct MirrorSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change settings of a link without a restart.",
        discussion: """
            What is set here stands before what the configuration says, until it is unset or the link is deleted. Topics \
            that a link does not copy any more stay at the target as they are.
            """)

    @OptionGroup var options: OrderOptions
    @OptionGroup var settings: SettingArguments
    @Option(help: "A setting that is to be the configuration's again.") var unset: [String] = []

    func validate() throws {
        if settings.pairs.isEmpty, unset.isEmpty { throw ValidationError("name a setting: key=value") }
    }

    func run() async throws { try await options.give(.set(try settings.byKey(), unset: unset)) }
}

/// `martlet mirror create`.
struct MirrorCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Begin a link between two clusters of the configuration.")

    @OptionGroup var options: OrderOptions
    @OptionGroup var settings: SettingArguments

    func run() async throws { try await options.give(.create(try settings.byKey())) }
}

/// `martlet mirror delete`.
struct MirrorDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "End a link, and forget what was set for it at run time.",
        discussion: """
            The link rests even where the configuration enables it, until it is created again. Topics at the target stay \
            as they are: mirror topics of an exact link stay read-only until they are promoted (martlet mirror failover), \
            other topics are ordinary ones.
            """)

    @OptionGroup var options: OrderOptions

    func run() async throws { try await options.give(.delete) }
}

/// Settings of a link, as a file has them behind `source->target.`.
struct SettingArguments: ParsableArguments {
    @Argument(help: "Settings of the link: key=value.") var pairs: [String] = []

    func byKey() throws -> [String: String] {
        var settings: [String: String] = [:]
        for pair in pairs {
            guard let place = pair.firstIndex(of: "=") else { throw ValidationError("'\(pair)' is not key=value") }
            let key = pair[..<place].trimmed
            guard settings.updateValue(pair[pair.index(after: place)...].trimmed, forKey: key) == nil else {
                throw ValidationError("\(key) is set twice")
            }
        }
        return settings
    }
}

/// Which link an order is for, and why it is given.
struct OrderOptions: ParsableArguments {
    private struct Report: Encodable {
        var link: String
        var state: LinkState
        var mode: String
        var settings: [String: String]
        var reason: String?
        /// Clusters of which nothing is known, with the reason.
        var unknown: [String: String]
    }

    @Option(help: "The mirror's configuration: mm2.properties, or YAML.") var config: String
    @Option(help: "The link: source->target.") var link: String
    @Option(help: "Why, in a few words that list and describe show.") var reason: String?
    @Flag(help: "Print JSON.") var json = false

    /// Gives an order and tells how the link stands then.
    func give(_ order: LinkOrder) async throws {
        let (settings, _) = try MirrorSettings.read(at: config)
        let orders = LinkOrders(
            link, in: settings, on: MultiThreadedEventLoopGroup.singleton, logger: LinkOptions.warnings)
        let (link, unknown) = try await orders.give(order, reason: reason)
        let report = Report(
            link: link.name, state: link.state, mode: link.mode.name, settings: link.decision?.settings ?? [:],
            reason: link.decision?.reason, unknown: unknown)
        if json { return try LinkOptions.printJSON(report) }
        print("\(report.link): \(report.state.rawValue)")
        for (key, value) in report.settings.sorted(by: { $0.key < $1.key }) { print("  \(key)=\(value)") }
        for (alias, fault) in unknown.sorted(by: { $0.key < $1.key }) {
            print("it is not known what was decided about links to \(alias): \(fault)")
        }
        if order == .delete { print(Self.fate(of: link)) }
    }

    /// What becomes of a deleted link's topics.
    private static func fate(of link: LinkSettings) -> String {
        switch link.mode {
        case .exact:
            "its mirror topics at \(link.target) stay read-only until martlet mirror failover promotes them, or the link is "
                + "created again"
        case .compatible: "its topics at \(link.target) stay as they are"
        }
    }
}
