import MartletClient
import Mirroring
import Settings

/// All a mirror is told before it starts: clusters, and the links between them.
package struct MirrorSettings: Sendable {
    package var clusters: [String: ClientSettings]
    /// From every cluster to every other that this process writes to, in the order of the file's clusters. Most are not
    /// enabled.
    package var links: [LinkSettings]
    /// nil for no port.
    package var metrics: MirrorMetricsSettings?
    /// This process's name among those that share links; nil for one of the machine's.
    package var memberName: String?
    /// What all of this was read from.
    let file: PropertiesFile
    let targets: [String]

    /// Reads `mm2.properties`.
    /// - Parameter targets: the aliases of clusters that this process writes to; empty for all (`--clusters`).
    /// - Returns: what to do, and what an operator should know.
    package static func read(
        _ file: PropertiesFile, targets: [String] = []
    ) throws(InvalidSettings) -> (settings: MirrorSettings, warnings: [String]) {
        let (file, renamings) = MirrorKeysWithoutEffect.withPresentNames(try ConfigProviders.resolve(file))
        let aliases = try aliases(file)
        for target in targets where !aliases.contains(target) {
            throw InvalidSettings(problems: [
                "--clusters names \(target), but clusters=\(aliases.joined(separator: ", ")) in \(file.path)"
            ])
        }
        try checkLinks(of: file, between: aliases)
        let values = try MirrorSchema.schema(clusters: aliases).read(file)
        var problems: [String] = []
        var clusters: [String: ClientSettings] = [:]
        for alias in aliases {
            do throws(InvalidSettings) {
                clusters[alias] = try client(alias, values)
            } catch {
                problems += error.problems
            }
        }
        var links: [LinkSettings] = []
        for source in aliases {
            for target in aliases where target != source {
                do throws(InvalidSettings) {
                    links.append(try LinkReader(source: source, target: target, values: values).read())
                } catch {
                    problems += error.problems
                }
            }
        }
        if let loop = loop(links, values) ?? LinkCircle.find(in: links).map({ "\(values.path): \($0)" }) {
            problems.append(loop)
        }
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
        links.removeAll { !(targets.isEmpty || targets.contains($0.target)) }
        var warnings = renamings + values.warnings
        if !links.contains(where: \.isEnabled) {
            warnings.append("\(file.path): no link is enabled, until martlet mirror create begins one")
        }
        let metrics =
            values.isSet("mirror.metrics.port")
            ? MirrorMetricsSettings(
                host: values.text("mirror.metrics.host"), port: Int(values.integer("mirror.metrics.port"))) : nil
        let settings = MirrorSettings(
            clusters: clusters, links: links, metrics: metrics, memberName: values["mirror.member.name"], file: file,
            targets: targets)
        return (settings, warnings)
    }

    /// The clusters that this process writes to, sorted.
    var targetAliases: [String] { Set(links.map(\.target)).sorted() }

    private static func aliases(_ file: PropertiesFile) throws(InvalidSettings) -> [String] {
        guard let entry = file.entries.last(where: { $0.key == "clusters" }) else {
            throw InvalidSettings(problems: ["\(file.path): clusters is not set: it names the clusters' aliases"])
        }
        let aliases = entry.value.listItems
        guard aliases.count >= 2, Set(aliases).count == aliases.count else {
            throw InvalidSettings(problems: [
                "\(file.path):\(entry.line): clusters=\(entry.value) is not allowed: two or more different aliases"
            ])
        }
        return aliases
    }

    private static func checkLinks(of file: PropertiesFile, between aliases: [String]) throws(InvalidSettings) {
        for alias in aliases {
            guard let entry = file.entries.first(where: { $0.key.hasPrefix("\(alias)->\(alias).") }) else { continue }
            throw InvalidSettings(problems: [
                "\(file.path):\(entry.line): \(entry.key): a link is between two clusters, and this one has \(alias) at both ends"
            ])
        }
    }

    private static func client(_ alias: String, _ values: SettingValues) throws(InvalidSettings) -> ClientSettings {
        var properties = ["client.id": "martlet-mirror"]
        for key in MirrorSchema.clientKeys.map(\.name) {
            if let text = values["\(alias).\(key)"] ?? values[key] { properties[key] = text }
        }
        guard properties["bootstrap.servers"] != nil else {
            throw InvalidSettings(problems: ["\(values.path): \(alias).bootstrap.servers is not set"])
        }
        do {
            return try ClientSettings(properties: properties)
        } catch let error as UnusableSetting {
            let scoped = "\(alias).\(error.key)"
            let key = values.isSet(scoped) ? scoped : error.key
            throw InvalidSettings(problems: ["\(values.place(of: key))\(key)=\(error.value): \(error.cause)"])
        } catch {
            throw InvalidSettings(problems: ["\(values.path): \(alias): \(error)"])
        }
    }

    /// With unchanged names a topic that is copied around a circle would be copied for ever; that two clusters mirror
    /// exactly from each other is no circle, for every topic has one home. Tells of the first pattern that goes round.
    private static func loop(_ links: [LinkSettings], _ values: SettingValues) -> String? {
        let copying = links.filter { $0.isEnabled && $0.plan.policy.naming == .identity }
        let patterns = copying.map { LinkReader.patterns($0, values) }
        for pattern in patterns.joined() {
            let concerned = zip(copying, patterns)
                .filter { link, own in own.contains(pattern) || link.plan.topics.contains(pattern) }
                .map(\.0)
            let edges = concerned.map { IdentityLoop.Edge(source: $0.source, target: $0.target) }
            let areExact = concerned.allSatisfy { $0.mode != .compatible }
            guard let loop = IdentityLoop.find(in: edges, allowsPairs: areExact) else { continue }
            let cause = areExact ? "exact mirroring" : "IdentityReplicationPolicy"
            return
                "\(values.path): topics '\(pattern)' would be copied in a circle \(loop.joined(separator: "->")), for "
                + "\(cause) keeps their names; disable one of the links or name different topics"
        }
        return nil
    }
}
