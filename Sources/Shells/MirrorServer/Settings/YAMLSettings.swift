import Settings

extension MirrorSettings {
    /// Reads a configuration: YAML where the name ends in `.yaml` or `.yml`, `mm2.properties` otherwise.
    package static func read(
        at path: String, targets: [String] = []
    ) throws -> (settings: MirrorSettings, warnings: [String]) {
        guard path.hasSuffix(".yaml") || path.hasSuffix(".yml") else {
            return try read(PropertiesFile(reading: path), targets: targets)
        }
        return try read(YAMLSettings.read(try PropertiesFile.text(reading: path), path: path), targets: targets)
    }
}

/// The keys of `mm2.properties` as YAML: flat, or each part between dots one level deeper; lists as sequences. What stands
/// under `clusters` are the clusters by their aliases, what stands under `links` the links by their names:
///
///     clusters:
///       us-east: {bootstrap.servers: "us1:9092"}
///       eu-west: {bootstrap.servers: "eu1:9092"}
///     links:
///       us-east->eu-west:
///         enabled: true
///         topics: [orders.*, pay]
///
/// Values are taken as they are written, whatever type YAML would give them.
struct YAMLSettings: ~Copyable {
    private static let deepest = 16
    private static let clusters = "clusters"
    private static let links = "links"

    private let path: String
    private var events: YAMLEvents
    private var entries: [PropertiesFile.Entry] = []

    private init(_ text: String, path: String) {
        self.path = path
        events = YAMLEvents(text)
    }

    /// The entries that a properties file with the same settings has, each with its line here.
    static func read(_ text: String, path: String) throws(InvalidSettings) -> PropertiesFile {
        var reader = YAMLSettings(text, path: path)
        try reader.document()
        return PropertiesFile(path: path, entries: reader.entries)
    }

    private mutating func document() throws(InvalidSettings) {
        guard try next().event == .documentBegins else { return }
        let (event, line) = try next()
        guard event == .mappingBegins else { throw problem(line, "keys and their values are expected") }
        try mapping(under: [])
        _ = try next()
        let (end, place) = try next()
        guard end == .textEnds else { throw problem(place, "a second document: only one is read") }
    }

    /// Reads a mapping of which the beginning was read. `names` are those of the keys above.
    private mutating func mapping(under names: [String]) throws(InvalidSettings) {
        guard names.count < Self.deepest else {
            throw problem(entries.last?.line ?? 1, "\(names.joined(separator: ".")): nested too deeply")
        }
        var aliases: [String] = []
        let first = entries.count
        var begin = 1
        while true {
            let (event, line) = try next()
            if aliases.isEmpty { begin = line }
            guard event != .mappingEnds else { break }
            guard case .text(let name) = event, !name.isEmpty else {
                throw problem(line, "a key is expected, and it is a text")
            }
            guard !aliases.contains(name) else {
                throw problem(line, "\((names + [name]).joined(separator: ".")) stands here twice")
            }
            aliases.append(name)
            try value(of: names + [name])
        }
        if names == [Self.clusters] {
            let list = aliases.joined(separator: ", ")
            entries.insert(PropertiesFile.Entry(key: Self.clusters, value: list, line: begin), at: first)
        }
    }

    private mutating func value(of names: [String]) throws(InvalidSettings) {
        let isNamed = names.count > 1 && (names[0] == Self.clusters || names[0] == Self.links)
        let key = names.dropFirst(isNamed ? 1 : 0).joined(separator: ".")
        let (event, line) = try next()
        // A cluster or a link by its name alone has no value of its own.
        let isOwner = isNamed && names.count == 2
        switch event {
        case .mappingBegins: try mapping(under: names)
        case .text("") where isOwner: break
        case _ where isOwner: throw problem(line, "\(key): its settings are expected, one below the other")
        case .text(let text): entries.append(PropertiesFile.Entry(key: key, value: text, line: line))
        case .sequenceBegins:
            entries.append(PropertiesFile.Entry(key: key, value: try list(of: key), line: line))
        case .alias: throw problem(line, "\(key): aliases are not read here: write the value itself")
        case .mappingEnds, .sequenceEnds, .documentBegins, .documentEnds, .textEnds:
            throw problem(line, "\(key) has no value")
        }
    }

    /// Reads a sequence of which the beginning was read.
    private mutating func list(of key: String) throws(InvalidSettings) -> String {
        var items: [String] = []
        while true {
            let (event, line) = try next()
            guard event != .sequenceEnds else { return items.joined(separator: ", ") }
            guard case .text(let item) = event else { throw problem(line, "\(key): items of a list are texts") }
            guard !item.contains(",") else {
                throw problem(line, "\(key): '\(item)': a comma would make two of this item")
            }
            items.append(item)
        }
    }

    private mutating func next() throws(InvalidSettings) -> (event: YAMLEvents.Event, line: Int) {
        do throws(YAMLEvents.Unreadable) {
            return try events.next()
        } catch {
            throw problem(error.line, error.reason)
        }
    }

    private func problem(_ line: Int, _ reason: String) -> InvalidSettings {
        InvalidSettings(problems: ["\(path):\(line): \(reason)"])
    }
}
