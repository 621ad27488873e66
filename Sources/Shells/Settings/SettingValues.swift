/// A configuration that has been checked: typed values with the schema's defaults.
package struct SettingValues: Sendable {
    /// Of the file, for messages.
    package var path: String
    /// What an operator should know, though it does no harm.
    package var warnings: [String] = []
    private let known: [String: SettingKey]
    private var entries: [String: PropertiesFile.Entry] = [:]

    init(path: String, known: [String: SettingKey]) {
        self.path = path
        self.known = known
    }

    /// Returns the line of an earlier entry of the same key.
    mutating func set(_ entry: PropertiesFile.Entry) -> Int? {
        entries.updateValue(entry, forKey: entry.key)?.line
    }

    /// The text set for `key`, or its default; nil when neither is there.
    package subscript(key: String) -> String? { entries[key]?.value ?? known[key]?.defaultText }

    package func isSet(_ key: String) -> Bool { entries[key] != nil }

    /// Every key that the file sets, sorted.
    package var keysSet: [String] { entries.keys.sorted() }

    /// Where `key` stands, as `file:line: ` in front of a message; empty when it is not set.
    package func place(of key: String) -> String {
        guard let line = entries[key]?.line, line > 0 else { return "" }
        return "\(path):\(line): "
    }

    /// The line of the file in which `key` stands; 0 when it did not come from a file, nil when it is not set.
    package func line(of key: String) -> Int? { entries[key]?.line }

    /// The value of a key that has a default or was set. A key without either is a mistake of the program.
    package func text(_ key: String) -> String {
        guard let text = self[key] else { preconditionFailure("\(key) has no value and no default") }
        return text
    }

    package func integer(_ key: String) -> Int64 {
        guard let value = Int64(text(key).trimmed) else { preconditionFailure("\(key) is no integer setting") }
        return value
    }

    package func boolean(_ key: String) -> Bool { text(key).trimmed.lowercased() == "true" }

    package func decimal(_ key: String) -> Double {
        guard let value = Double(text(key).trimmed) else { preconditionFailure("\(key) is no decimal setting") }
        return value
    }

    package func list(_ key: String) -> [String] { text(key).listItems }

    /// A duration of a key in milliseconds.
    package func milliseconds(_ key: String) -> Duration { .milliseconds(integer(key)) }
}
