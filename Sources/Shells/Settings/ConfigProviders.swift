import Glibc

/// Takes values from elsewhere, as Apache Kafka's configuration providers do (KIP-297, KIP-421): in `config.providers` stand
/// their names, behind `config.providers.NAME.class` what each is, and `${NAME:path:key}` or `${NAME:key}` in a value is
/// replaced by what it gives.
package enum ConfigProviders {
    private enum Kind: String, CaseIterable {
        /// `${file:/etc/secrets.properties:key}`.
        case file = "FileConfigProvider"
        /// `${directory:/etc/secrets:name}`: all of a file of that name.
        case directory = "DirectoryConfigProvider"
        /// `${env:NAME}`.
        case environment = "EnvVarConfigProvider"
    }

    private struct Provider {
        var kind: Kind
        /// A regular expression of the variables that may be read; nil for all.
        var pattern: Regex<AnyRegexOutput>?
        /// Folders and files that may be read; empty for all.
        var paths: [String] = []
    }

    private static let key = "config.providers"
    private static let package = "org.apache.kafka.common.config.provider."

    /// The same file with the values that were meant, and without the keys of providers.
    package static func resolve(_ file: PropertiesFile) throws(InvalidSettings) -> PropertiesFile {
        var problems: [String] = []
        let providers = providers(of: file, &problems)
        var resolved = file
        resolved.entries = []
        for var entry in file.entries where entry.key != key && !entry.key.hasPrefix("\(key).") {
            do throws(Unresolved) {
                entry.value = try value(of: entry.value, providers)
            } catch {
                problems.append("\(place(of: entry, file))\(entry.key): \(error.cause)")
            }
            resolved.entries.append(entry)
        }
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
        return resolved
    }

    private static func place(of entry: PropertiesFile.Entry, _ file: PropertiesFile) -> String {
        entry.line > 0 ? "\(file.path):\(entry.line): " : ""
    }

    private static func providers(of file: PropertiesFile, _ problems: inout [String]) -> [String: Provider] {
        let names = file.entries.last { $0.key == key }?.value.listItems ?? []
        var providers: [String: Provider] = [:]
        for name in names {
            func entry(_ end: String) -> PropertiesFile.Entry? {
                file.entries.last { $0.key == "\(key).\(name).\(end)" }
            }
            guard let said = entry("class") else {
                problems.append("\(file.path): \(key).\(name).class is not set: it says what \(name) is")
                continue
            }
            let known = Kind.allCases.first { package + $0.rawValue == said.value || $0.rawValue == said.value }
            guard let known else {
                let all = Kind.allCases.map(\.rawValue).joined(separator: ", ")
                problems.append("\(place(of: said, file))\(said.key)=\(said.value) is not allowed: \(all)")
                continue
            }
            var provider = Provider(kind: known)
            provider.paths = entry("param.allowed.paths")?.value.listItems ?? []
            if let entry = entry("param.allowlist.pattern") {
                do {
                    provider.pattern = try Regex(entry.value)
                } catch {
                    problems.append("\(place(of: entry, file))\(entry.key)=\(entry.value) is no regular expression")
                }
            }
            providers[name] = provider
        }
        return providers
    }

    private struct Unresolved: Error { var cause: String }

    /// The text with all that providers give put in. What names none of them stays as it is.
    private static func value(of text: String, _ providers: [String: Provider]) throws(Unresolved) -> String {
        var value = ""
        var rest = text[...]
        while let begin = rest.firstRange(of: "${") {
            guard let end = rest[begin.upperBound...].firstIndex(of: "}") else { break }
            let inside = rest[begin.upperBound..<end]
            let parts = inside.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            value += rest[..<begin.lowerBound]
            if parts.count == 2, let provider = providers[String(parts[0])] {
                value += try given(String(parts[1]), by: provider, "${\(inside)}")
            } else {
                value += rest[begin.lowerBound...end]
            }
            rest = rest[rest.index(after: end)...]
        }
        return value + rest
    }

    /// - Parameters:
    ///   - place: what stands behind the provider's name.
    ///   - whole: for messages.
    private static func given(
        _ place: String, by provider: Provider, _ whole: String
    ) throws(Unresolved) -> String {
        if provider.kind == .environment {
            let isAllowed = provider.pattern.map { place.wholeMatch(of: $0) != nil } ?? true
            guard isAllowed, let value = getenv(place) else {
                let which = isAllowed ? "" : " that may be read"
                throw Unresolved(cause: "\(whole) names no variable of the environment\(which)")
            }
            return String(cString: value)
        }
        guard let colon = place.lastIndex(of: ":") else {
            throw Unresolved(cause: "\(whole) is not allowed: a path and a key, with a colon between")
        }
        let (path, name) = (String(place[..<colon]), String(place[place.index(after: colon)...]))
        let isAllowed = provider.paths.isEmpty || provider.paths.contains { path == $0 || path.hasPrefix("\($0)/") }
        guard isAllowed, !path.split(separator: "/").contains(".."), !name.contains("/") else {
            throw Unresolved(cause: "\(whole) is not below one of the allowed paths")
        }
        do throws(UnreadableSettings) {
            if provider.kind == .directory { return try PropertiesFile.text(reading: "\(path)/\(name)") }
            let found = try PropertiesFile(reading: path).entries.last { $0.key == name }
            guard let found else { throw UnreadableSettings(path: path, reason: "\(name) is not set there") }
            return found.value
        } catch {
            throw Unresolved(cause: "\(whole): \(error)")
        }
    }
}
