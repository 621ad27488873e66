import ArgumentParser
import MirrorServer
import Settings

/// `martlet mirror list`: the links of a configuration.
struct MirrorList: ParsableCommand {
    private struct Line: Encodable {
        var link: String
        var mode: String
        var isEnabled: Bool
        var topics: [String]
        var groups: [String]
    }

    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the links of a configuration; no cluster is asked.")

    @Option(help: "The mirror's configuration: mm2.properties.") var config: String
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
        let (settings, _) = try MirrorSettings.read(PropertiesFile(reading: config))
        let lines = settings.links.map { link in
            Line(
                link: link.name, mode: link.mode.name, isEnabled: link.isEnabled, topics: link.plan.topics.patterns,
                groups: link.groups.patterns)
        }
        if json { return try LinkOptions.printJSON(lines) }
        Table.print(
            [["LINK", "MODE", "ENABLED", "TOPICS", "GROUPS"]]
                + lines.map {
                    [
                        $0.link, $0.mode, "\($0.isEnabled)", $0.topics.joined(separator: ","),
                        $0.groups.joined(separator: ","),
                    ]
                })
    }
}
