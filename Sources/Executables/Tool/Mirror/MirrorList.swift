import ArgumentParser
import MirrorServer
import NIOPosix
import Settings

/// `martlet mirror list`: the links of a configuration.
struct MirrorList: AsyncParsableCommand {
    private struct Line: Encodable {
        var link: String
        var mode: String
        var isEnabled: Bool
        var state: LinkState
        var cause: String?
        var topics: [String]
        var groups: [String]
    }

    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the links of a configuration, and what was decided about them.",
        discussion: "Links to clusters that do not answer are listed as the configuration has them.")

    @Option(help: "The mirror's configuration: mm2.properties, or YAML.") var config: String
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let (settings, _) = try MirrorSettings.read(at: config)
        let answers = await settings.askClusters(
            on: MultiThreadedEventLoopGroup.singleton, logger: LinkOptions.warnings)
        let links = settings.links(after: answers.decisions())
        let lines = links.filter { $0.isOfInterest || $0.heartbeatsInterval != nil }.map { link in
            let fault = answers.faults[link.target].map { "it is not known what was decided: \($0)" }
            let refusal = link.state == .running ? answers.refusal(of: link) : nil
            return Line(
                link: link.name, mode: link.mode.name, isEnabled: link.isEnabled,
                state: refusal == nil ? link.state : .refused, cause: fault ?? refusal ?? link.cause,
                topics: link.plan.topics.patterns, groups: link.groups.patterns)
        }
        if json { return try LinkOptions.printJSON(lines) }
        Table.print(
            [["LINK", "MODE", "STATE", "TOPICS", "GROUPS", "CAUSE"]]
                + lines.map {
                    [
                        $0.link, $0.mode, $0.state.rawValue, $0.topics.joined(separator: ","),
                        $0.groups.joined(separator: ","), $0.cause ?? "",
                    ]
                })
    }
}
