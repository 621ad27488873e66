/// The keys a program knows, and how a file is checked against them.
package struct SettingsSchema: Sendable {
    package var keys: [SettingKey]
    package var ignored: [IgnoredKeys]
    /// Turns a key as it stands in a file into the name it is known by: prefixes of listeners, clusters, system
    /// properties. nil for what has no such form.
    package var canonicalName: @Sendable (String) -> String?

    package init(
        keys: [SettingKey], ignored: [IgnoredKeys] = [],
        canonicalName: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.keys = keys
        self.ignored = ignored
        self.canonicalName = canonicalName
    }

    /// Reads all entries, or says all that is wrong with them.
    package func read(_ file: PropertiesFile) throws(InvalidSettings) -> SettingValues {
        let known = Dictionary(keys.map { ($0.name, $0) }) { first, _ in first }
        func ignored(_ name: String) -> IgnoredKeys? { self.ignored.first { $0.names.contains(name) } }
        var values = SettingValues(path: file.path, known: known)
        var problems: [String] = []
        for entry in file.entries {
            let place = entry.line > 0 ? "\(file.path):\(entry.line): " : ""
            if let key = known[entry.key] ?? canonicalName(entry.key).flatMap({ known[$0] }) {
                if let refusal = key.refusal(of: entry.value) { problems.append(place + refusal) }
                if let earlier = values.set(entry) {
                    values.warnings.append("\(place)\(entry.key) stands in line \(earlier) too; this one counts")
                }
            } else if let ignored = ignored(entry.key) ?? canonicalName(entry.key).flatMap(ignored) {
                values.warnings.append(place + ignored.warning(of: entry.key))
            } else {
                let nearest = nearestName(to: entry.key).map { "; the nearest known one is \($0)" } ?? ""
                problems.append("\(place)unknown key \(entry.key)\(nearest)")
            }
        }
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
        return values
    }

    /// The known key that is the fewest changes away from `name`; nil when none is near.
    func nearestName(to name: String) -> String? {
        var best: (name: String, distance: Int)?
        for key in keys.map(\.name) + ignored.flatMap({ $0.names.sorted() }) {
            let distance = Self.distance(name, key)
            if distance < best?.distance ?? .max { best = (key, distance) }
        }
        guard let best, best.distance <= max(2, name.count / 2) else { return nil }
        return best.name
    }

    /// How many insertions, deletions and replacements of a character lead from one to the other (Levenshtein).
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (i, character) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let replaced = diagonal + (character == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }

    /// The keys without effect, by their reasons; nothing where nobody needs to know them.
    private var referenceOfIgnored: String {
        let explained = ignored.compactMap { keys in keys.reason.map { ($0, keys.names.sorted()) } }
        guard !explained.isEmpty else { return "" }
        var text = "\n# Keys that are known and have no effect.\n"
        for (reason, names) in explained { text += "# - \(names.joined(separator: ", ")):\n#   \(reason)\n" }
        return text
    }

    /// The annotated reference: every key with its purpose, its values and its default, as a file that runs as it is.
    /// - Parameter essentials: what a program does not start without, set at the top.
    package func reference(title: String, essentials: KeyValuePairs<String, String>) -> String {
        var text = "# \(title)\n\n# Nothing starts without these.\n"
        for (key, value) in essentials { text += "\(key)=\(value)\n" }
        for key in keys {
            text += "\n# \(key.purpose)\n# Values: \(key.kind.allowed)\n#\(key.name)="
            for character in key.defaultText ?? "" { text += character == "\\" ? #"\\"# : String(character) }
            text += "\n"
        }
        return text + referenceOfIgnored
    }
}

/// All that is wrong with a configuration.
package struct InvalidSettings: Error, Sendable, Equatable, CustomStringConvertible {
    /// One sentence each, with file and line.
    package var problems: [String]

    package init(problems: [String]) { self.problems = problems }

    package var description: String { problems.joined(separator: "\n") }
}
