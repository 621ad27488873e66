import Synchronization

/// Rules that turn principals of Kerberos into short names, in the notation of krb5.conf's `auth_to_local`: `DEFAULT`, or
/// `RULE:[n:format](pattern)s/from/to/g` with pattern and substitution left out at will, and `/L` for small letters.
/// The first rule that fits decides.
package struct KerberosNameRules: Sendable {
    /// A rule text that cannot be used.
    package struct Unreadable: Error, Sendable, Equatable, CustomStringConvertible {
        package var rule: String
        package var cause: String

        package var description: String { "Kerberos name rule \(rule): \(cause)" }
    }

    private enum Rule: Sendable {
        case ofDefaultRealm
        case fitting(FormatRule)
    }

    private let rules: [Rule]
    /// Whose principals `DEFAULT` fits.
    private let defaultRealm: String?

    /// Reads rules, which white space separates.
    package init(_ text: String = "DEFAULT", defaultRealm: String?) throws(Unreadable) {
        self.defaultRealm = defaultRealm
        var rules: [Rule] = []
        var rest = Substring(text).drop { $0.isWhitespace }
        while !rest.isEmpty {
            if rest.hasPrefix("DEFAULT") {
                rest = rest.dropFirst("DEFAULT".count)
                rules.append(.ofDefaultRealm)
            } else {
                rules.append(.fitting(try FormatRule(taking: &rest)))
            }
            guard rest.first?.isWhitespace != false else {
                throw Unreadable(rule: String(rest), cause: "white space must follow a rule")
            }
            rest = rest.drop { $0.isWhitespace }
        }
        self.rules = rules
    }

    /// nil when no rule fits, or when one that fits yields what is no short name.
    package func shortName(of principal: KerberosPrincipal) -> String? {
        guard let realm = principal.realm else { return principal.instance == nil ? principal.primary : nil }
        let parts = [realm, principal.primary] + (principal.instance.map { [$0] } ?? [])
        for rule in rules {
            switch rule {
            case .ofDefaultRealm:
                if realm == defaultRealm { return principal.primary }
            case .fitting(let rule):
                guard let name = rule.name(of: parts) else { continue }
                return name.isEmpty || name.contains("/") || name.contains("@") ? nil : name
            }
        }
        return nil
    }
}

/// One rule with a format.
private final class FormatRule: Sendable {
    /// How many parts besides the realm a principal has to have.
    private let partCount: Int
    /// `$0` is the realm, `$1` the primary, `$2` the instance.
    private let format: String
    private let pattern: Pattern?
    private let replaced: Pattern?
    private let replacement: String
    private let replacesAll: Bool
    private let lowersLetters: Bool

    /// Takes a rule off the front.
    init(taking rest: inout Substring) throws(KerberosNameRules.Unreadable) {
        let start = rest
        func refuse(_ cause: String) -> KerberosNameRules.Unreadable {
            KerberosNameRules.Unreadable(rule: start.prefix { !$0.isWhitespace }.description, cause: cause)
        }
        func take(through end: Character) -> String? {
            guard let index = rest.firstIndex(of: end) else { return nil }
            defer { rest = rest[rest.index(after: index)...] }
            return String(rest[..<index])
        }
        func takes(_ prefix: String) -> Bool {
            guard rest.hasPrefix(prefix) else { return false }
            rest = rest.dropFirst(prefix.count)
            return true
        }
        func regex(_ text: String) throws(KerberosNameRules.Unreadable) -> Pattern {
            do { return try Pattern(text) } catch {
                throw refuse("\(text) is not a regular expression")
            }
        }

        guard takes("RULE:["), let number = take(through: ":").flatMap({ Int($0) }), let format = take(through: "]")
        else { throw refuse("must be DEFAULT or RULE:[number:format](pattern)s/from/to/") }
        partCount = number
        self.format = format
        if takes("(") {
            guard let text = take(through: ")") else { throw refuse("the pattern lacks its )") }
            pattern = try regex(text)
        } else {
            pattern = nil
        }
        if takes("s/") {
            guard let from = take(through: "/"), let to = take(through: "/") else {
                throw refuse("a substitution is s/from/to/ or s/from/to/g")
            }
            guard !to.contains("$"), !to.contains("\\") else { throw refuse("a replacement is plain text") }
            replaced = try regex(from)
            replacement = to
            replacesAll = takes("g")
        } else {
            replaced = nil
            replacement = ""
            replacesAll = false
        }
        lowersLetters = takes("/L")
    }

    /// The name of a principal whose realm and parts are given; nil when the rule does not fit.
    func name(of parts: [String]) -> String? {
        guard parts.count == partCount + 1 else { return nil }
        var name = formatted(parts)
        if let pattern, !pattern.isWhole(name) { return nil }
        if let replaced { name = replaced.replace(in: name, by: replacement, atMost: replacesAll ? .max : 1) }
        return lowersLetters ? name.lowercased() : name
    }

    private func formatted(_ parts: [String]) -> String {
        var name = ""
        var rest = Substring(format)
        while let character = rest.popFirst() {
            if character == "$", let digit = rest.first?.wholeNumberValue, digit < parts.count {
                rest.removeFirst()
                name += parts[digit]
            } else {
                name.append(character)
            }
        }
        return name
    }
}

/// A regular expression, behind a lock only because `Regex` is not Sendable; it is asked once per authentication.
private final class Pattern: Sendable {
    private let regex: Mutex<Regex<AnyRegexOutput>>

    init(_ text: String) throws { regex = Mutex(try Regex<AnyRegexOutput>(text)) }

    func isWhole(_ text: String) -> Bool {
        regex.withLock { text.wholeMatch(of: $0) != nil }
    }

    func replace(in text: String, by replacement: String, atMost count: Int) -> String {
        regex.withLock { text.replacing($0, maxReplacements: count) { _ in replacement } }
    }
}
