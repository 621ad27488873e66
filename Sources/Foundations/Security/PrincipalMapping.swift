/// `ssl.principal.mapping.rules`: how a certificate's subject becomes a principal's name. The first rule whose pattern
/// matches the whole subject decides; without any match the subject itself is the name (KIP-371).
///
/// Made once from settings and asked once per connection.
package struct PrincipalMapping: Sendable {
    /// A rule text that cannot be used.
    package struct Unreadable: Error, Sendable, Equatable, CustomStringConvertible {
        package var rule: String
        package var cause: String

        package var description: String { "principal mapping rule \(rule): \(cause)" }
    }

    private enum Rule: Sendable {
        case subject
        case replace(SubjectPattern, replacement: Replacement, letters: Letters)
    }

    private enum Letters: Sendable { case asTheyAre, lower, upper }

    /// A replacement as alternating text and groups: `$1` is the first group, `\$` a dollar.
    private struct Replacement: Sendable {
        enum Part: Sendable { case text(String), group(Int) }
        var parts: [Part]
    }

    private var rules: [Rule]

    /// The subject as it is.
    package static let subject = PrincipalMapping(rules: [.subject])

    private init(rules: [Rule]) { self.rules = rules }

    /// Reads `RULE:pattern/replacement/[L|U]` and `DEFAULT`, separated by commas. A `/` in a pattern or replacement is
    /// written `\/`.
    package init(_ text: String) throws(Unreadable) {
        var rules: [Rule] = []
        var rest = Substring(text).drop { $0.isWhitespace }
        while !rest.isEmpty {
            if rest.hasPrefix("DEFAULT") {
                rest = rest.dropFirst("DEFAULT".count)
                rules.append(.subject)
            } else if rest.hasPrefix("RULE:") {
                rules.append(try Self.takeRule(&rest))
            } else {
                throw Unreadable(rule: String(rest), cause: "must begin with RULE: or be DEFAULT")
            }
            rest = rest.drop { $0.isWhitespace }
            guard let comma = rest.first else { break }
            guard comma == "," else { throw Unreadable(rule: String(rest), cause: "a comma must follow a rule") }
            rest = rest.dropFirst().drop { $0.isWhitespace }
        }
        self.rules = rules.isEmpty ? [.subject] : rules
    }

    private static func takeRule(_ rest: inout Substring) throws(Unreadable) -> Rule {
        let rule = String(rest)
        rest = rest.dropFirst("RULE:".count)
        guard let pattern = takeField(&rest), let replacement = takeField(&rest) else {
            throw Unreadable(rule: rule, cause: "must be RULE:pattern/replacement/[L|U]")
        }
        var letters = Letters.asTheyAre
        if rest.first == "L" { letters = .lower }
        if rest.first == "U" { letters = .upper }
        if letters != .asTheyAre { rest = rest.dropFirst() }
        let compiled = try SubjectPattern(pattern, in: rule)
        let parts = try Self.replacement(replacement, groups: compiled.groupCount, in: rule)
        return .replace(compiled, replacement: Replacement(parts: parts), letters: letters)
    }

    /// Takes what stands before the next `/` that no backslash precedes, and the `/`; nil when there is none.
    private static func takeField(_ rest: inout Substring) -> String? {
        var field = ""
        var index = rest.startIndex
        while index < rest.endIndex {
            let character = rest[index]
            let next = rest.index(after: index)
            if character == "/" {
                rest = rest[next...]
                return field
            }
            if character == "\\", next < rest.endIndex {
                field += rest[next] == "/" ? "/" : "\\\(rest[next])"
                index = rest.index(after: next)
            } else {
                field.append(character)
                index = next
            }
        }
        return nil
    }

    private static func replacement(_ text: String, groups: Int, in rule: String) throws(Unreadable) -> [Replacement
        .Part]
    {
        var parts: [Replacement.Part] = []
        var literal = ""
        var characters = Substring(text)
        while let character = characters.popFirst() {
            if character == "\\", let escaped = characters.popFirst() {
                literal.append(escaped)
            } else if character == "$" {
                guard let digit = characters.popFirst()?.wholeNumberValue, digit <= groups else {
                    throw Unreadable(rule: rule, cause: "a $ must be followed by the number of a group of the pattern")
                }
                if !literal.isEmpty { parts.append(.text(literal)) }
                literal = ""
                parts.append(.group(digit))
            } else {
                literal.append(character)
            }
        }
        if !literal.isEmpty { parts.append(.text(literal)) }
        return parts
    }

    /// The principal for a certificate with this subject (RFC 2253).
    package func principal(subject: String) -> KafkaPrincipal {
        for rule in rules {
            switch rule {
            case .subject:
                return KafkaPrincipal(name: subject)
            case .replace(let pattern, let replacement, let letters):
                guard let groups = pattern.groups(matching: subject) else { continue }
                var name = ""
                for part in replacement.parts {
                    switch part {
                    case .text(let text): name += text
                    case .group(let number): name += groups[number]
                    }
                }
                switch letters {
                case .asTheyAre: break
                case .lower: name = name.lowercased()
                case .upper: name = name.uppercased()
                }
                return KafkaPrincipal(name: name)
            }
        }
        return KafkaPrincipal(name: subject)
    }
}
