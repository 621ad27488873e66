import Synchronization

/// A regular expression over a certificate's subject that matches it as a whole.
///
/// Patterns are Java's dialect in the settings; Swift's parser of run-time patterns reads what such rules use.
final class SubjectPattern: Sendable {
    /// Behind a lock only because `Regex` is not Sendable; it is asked once per connection.
    private let regex: Mutex<Regex<AnyRegexOutput>>
    /// Groups that capture; group 0, the whole subject, is not counted.
    let groupCount: Int

    init(_ text: String, in rule: String) throws(PrincipalMapping.Unreadable) {
        do {
            regex = Mutex(try Regex<AnyRegexOutput>(text))
        } catch {
            throw PrincipalMapping.Unreadable(rule: rule, cause: "\(text) is not a regular expression")
        }
        groupCount = Self.countGroups(text)
    }

    /// Counts parentheses that capture: not escaped, not in a bracket, not followed by `?` (unless a name follows).
    private static func countGroups(_ text: String) -> Int {
        var count = 0
        var inBracket = false
        let characters = Array(text)
        var index = 0
        while index < characters.count {
            switch characters[index] {
            case "\\": index += 1
            case "[": inBracket = true
            case "]": inBracket = false
            case "(" where !inBracket:
                let isPlain = index + 1 >= characters.count || characters[index + 1] != "?"
                let isNamed =
                    index + 3 < characters.count && characters[index + 1] == "?" && characters[index + 2] == "<"
                    && characters[index + 3] != "=" && characters[index + 3] != "!"
                if isPlain || isNamed { count += 1 }
            default: break
            }
            index += 1
        }
        return count
    }

    /// The groups of a match, the whole first and an unused one empty; nil when the subject does not match.
    func groups(matching subject: String) -> [String]? {
        regex.withLock { regex in
            subject.wholeMatch(of: regex)?.output.map { $0.substring.map(String.init) ?? "" }
        }
    }
}
