/// A file of `key=value` lines in the form of `java.util.Properties`: `#` and `!` start comments, `=`, `:` or white
/// space ends the key, a backslash at the end of a line continues it, `\n`, `\t`, `\uXXXX` and `\` before any other
/// character are escapes. Read as UTF-8.
package struct PropertiesFile: Sendable {
    package struct Entry: Sendable, Equatable {
        package var key: String
        package var value: String
        /// Of the file, from 1; 0 when the entry did not come from a file.
        package var line: Int

        package init(key: String, value: String, line: Int) {
            self.key = key
            self.value = value
            self.line = line
        }
    }

    /// As it is named in messages.
    package var path: String
    /// In the order of the file; a key may stand twice.
    package var entries: [Entry]

    package init(path: String, entries: [Entry]) {
        self.path = path
        self.entries = entries
    }

    package init(path: String, text: String) {
        self.init(path: path, entries: Self.logicalLines(of: text).compactMap(\.entry))
    }

    /// The text without the entries whose keys `isUnwanted` names, everything else as it was.
    package static func text(_ text: String, without isUnwanted: (String) -> Bool) -> String {
        logicalLines(of: text).filter { line in line.entry.map { !isUnwanted($0.key) } ?? true }
            .map { String($0.text) }.joined()
    }

    /// Lines of a file that a backslash joins, or one that is a comment or empty.
    private struct LogicalLine {
        /// With the ends of its lines.
        var text: Substring
        /// nil for a comment.
        var entry: Entry?
    }

    private static func logicalLines(of text: String) -> [LogicalLine] {
        var lines: [LogicalLine] = []
        var rest = text[...]
        var number = 0
        while !rest.isEmpty {
            let begin = rest.startIndex
            let first = number + 1
            var logical = ""
            var isContinued = true
            while isContinued, !rest.isEmpty {
                let line = rest.prefix { !endsLine($0) }
                rest = rest[line.endIndex...].dropFirst()
                number += 1
                let content = line.drop { $0 == " " || $0 == "\t" || $0 == "\u{c}" }
                if logical.isEmpty, content.isEmpty || content.first == "#" || content.first == "!" { break }
                isContinued = content.reversed().prefix { $0 == "\\" }.count % 2 == 1
                logical += isContinued ? content.dropLast() : content
            }
            let entry = logical.isEmpty ? nil : entry(logical, line: first)
            lines.append(LogicalLine(text: text[begin..<rest.startIndex], entry: entry))
        }
        return lines
    }

    /// CR LF is one character in Swift.
    private static func endsLine(_ character: Character) -> Bool {
        character == "\n" || character == "\r\n" || character == "\r"
    }

    private static func entry(_ text: String, line: Int) -> Entry {
        var key = ""
        var rest = Substring(text)
        while let character = rest.first, !"=: \t\u{c}".contains(character) {
            key += takeCharacter(&rest)
        }
        rest = rest.drop { " \t\u{c}".contains($0) }
        if rest.first == "=" || rest.first == ":" { rest.removeFirst() }
        rest = rest.drop { " \t\u{c}".contains($0) }
        var value = ""
        while !rest.isEmpty { value += takeCharacter(&rest) }
        return Entry(key: key, value: value, line: line)
    }

    /// Takes one character off the front, escapes resolved.
    private static func takeCharacter(_ rest: inout Substring) -> String {
        let character = rest.removeFirst()
        guard character == "\\", let escaped = rest.popFirst() else { return String(character) }
        switch escaped {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "f": return "\u{c}"
        case "u":
            guard rest.count >= 4, let code = UInt32(rest.prefix(4), radix: 16), let scalar = Unicode.Scalar(code)
            else { return "u" }
            rest.removeFirst(4)
            return String(Character(scalar))
        default: return String(escaped)
        }
    }
}
