/// Something that the code does not do.
struct SourceRule: Sendable {
    /// Says what is wrong with a line that breaks the rule.
    var complaint: String
    /// A line that breaks the rule has one of these texts: most files are done with by looking for them.
    var triggers: [String]
    var isBroken: @Sendable (_ line: Substring) -> Bool

    /// The numbers, from 1, of the lines that break the rule. Comments may say what they like.
    func brokenLines(in text: String) -> [Int] {
        guard triggers.contains(where: { text.contains($0) }) else { return [] }
        var numbers: [Int] = []
        for (place, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let code = line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
            if isBroken(code) { numbers.append(place + 1) }
        }
        return numbers
    }

    /// For all code.
    static let everywhere = [
        forbidding("try!", because: "ends the process for an error"),
        forbidding("as!", because: "ends the process for a type"),
        forbidding("fatalError(", because: "does not say who is wrong: use a precondition with the state in it"),
        SourceRule(complaint: "a name that says nothing", triggers: emptyWords) { line in
            pairsOfWords(in: line).contains { keyword, name in
                declaringKeywords.contains(keyword) && emptyWords.contains { name.hasSuffix($0) }
            }
        },
    ]

    /// For what is shipped.
    static let sources = [
        forbidding("try?", because: "loses the error"),
        SourceRule(
            complaint: "Foundation is large and slow: only FoundationEssentials", triggers: ["import Foundation"]
        ) {
            pairsOfWords(in: $0).contains { keyword, name in
                keyword == "import" && name.hasPrefix("Foundation") && name != "FoundationEssentials"
            }
        },
    ]

    private static let emptyWords = ["Manager", "Helper", "Helpers", "Impl", "Util", "Utils"]
    private static let declaringKeywords: Set<Substring> = [
        "actor", "case", "class", "enum", "func", "let", "protocol", "struct", "typealias", "var",
    ]

    private static func forbidding(_ text: String, because reason: String) -> SourceRule {
        SourceRule(complaint: "\(text) \(reason)", triggers: [text]) { line in
            line.ranges(of: text).contains { range in
                line[..<range.lowerBound].last.map { !isPartOfName($0) } ?? true
            }
        }
    }

    private static func pairsOfWords(in line: Substring) -> Zip2Sequence<[Substring], ArraySlice<Substring>> {
        let words = line.split { !isPartOfName($0) }
        return zip(words, words.dropFirst())
    }

    private static func isPartOfName(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }
}
