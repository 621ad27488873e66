/// What values a key takes. The texts of a file become these types and no other.
package enum SettingKind: Sendable {
    case boolean
    /// A whole number in a range, both ends included.
    case integer(ClosedRange<Int64>)
    case decimal(ClosedRange<Double>)
    case text
    /// One of these words.
    case word([String])
    /// Comma-separated; white space around items does not count.
    case list
    /// Comma-separated, of these words.
    case words([String])
    /// A text that no log and no reply shows.
    case secret

    static func describe(_ range: ClosedRange<Int64>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (.min, .max): "any whole number"
        case (let low, .max): "\(low) or more"
        default: "\(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// The type and range in words, for the reference and for refusals.
    package var allowed: String {
        switch self {
        case .boolean: "true or false"
        case .integer(let range): Self.describe(range)
        case .decimal(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .text: "text"
        case .word(let words): words.joined(separator: ", ")
        case .list: "a comma-separated list"
        case .words(let words): "a comma-separated list of \(words.joined(separator: ", "))"
        case .secret: "text, kept secret"
        }
    }
}

/// One key of a program's configuration.
package struct SettingKey: Sendable {
    package var name: String
    package var kind: SettingKind
    /// As it would stand in a file; nil when there is no default.
    package var defaultText: String?
    /// What it does, in a sentence or two.
    package var purpose: String

    package init(_ name: String, _ kind: SettingKind, default defaultText: String?, _ purpose: String) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        self.purpose = purpose
    }

    /// Why `text` is no value of this key; nil when it is one.
    func refusal(of text: String) -> String? {
        let trimmed = text.trimmed
        let isValid =
            switch kind {
            case .boolean: ["true", "false"].contains(trimmed.lowercased())
            case .integer(let range): Int64(trimmed).map { range.contains($0) } ?? false
            case .decimal(let range): Double(trimmed).map { range.contains($0) } ?? false
            case .word(let words): words.contains(trimmed)
            case .words(let words): trimmed.listItems.allSatisfy(words.contains)
            case .text, .list, .secret: true
            }
        if isValid { return nil }
        let shown = if case .secret = kind { "hidden" } else { "'\(text)'" }
        return "\(name)=\(shown) is not allowed: \(kind.allowed)"
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    package var trimmed: String {
        var rest = Substring(self)
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }

    /// The items of a comma-separated list, trimmed, without empty ones.
    package var listItems: [String] {
        split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
    }
}
