/// How a line becomes words, by zkCli's rules: white space parts them, and a word that begins with a quote ends with
/// the next such quote, without escapes. A quote that nothing ends is dropped; one inside a word means nothing.
enum ShellLine {
    static func words(_ line: String) -> [String] {
        var words: [String] = []
        var rest = Substring(line)
        while let first = next(&rest) {
            if first == "\"" || first == "'" {
                let inside = rest.dropFirst()
                guard let end = inside.firstIndex(of: first) else {
                    rest = inside
                    continue
                }
                words.append(String(inside[..<end]))
                rest = inside[inside.index(after: end)...]
            } else {
                let word = rest.prefix { !$0.isWhitespace }
                words.append(String(word))
                rest = rest[word.endIndex...]
            }
        }
        return words
    }

    /// The character that a word begins with, after the white space before it.
    private static func next(_ rest: inout Substring) -> Character? {
        rest = rest.drop { $0.isWhitespace }
        return rest.first
    }

    /// Whether a line of a script has nothing to do: it is empty, or a comment.
    static func isSilent(_ line: String) -> Bool {
        guard let first = line.first(where: { !$0.isWhitespace }) else { return true }
        return first == "#"
    }
}
