/// What TAB offers for the end of a line: names of commands for the first word, nodes for words that begin with `/`.
enum ShellCompletion: Equatable {
    case commands(beginning: String)
    /// Names of the children of a node.
    case children(of: String, beginning: String)
    case nothing

    /// So many choices are listed.
    private static let mostChoices = 200
    private static let screenWidth = 80

    /// - Parameter text: what stands before the cursor.
    init(_ text: String) {
        let start = text.lastIndex { $0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
        var word = text[start...]
        if text[..<start].allSatisfy(\.isWhitespace) {
            self = .commands(beginning: String(word))
            return
        }
        if word.first == "\"" || word.first == "'" { word.removeFirst() }
        guard word.first == "/", let slash = word.lastIndex(of: "/") else {
            self = .nothing
            return
        }
        let parent = slash == word.startIndex ? "/" : String(word[..<slash])
        self = .children(of: parent, beginning: String(word[word.index(after: slash)...]))
    }

    private var beginning: String {
        switch self {
        case .commands(let beginning), .children(_, let beginning): beginning
        case .nothing: ""
        }
    }

    /// What to insert, and what to list when there are several ways to go on.
    func offer(_ candidates: [String]) -> (insertion: String, choices: String) {
        let fitting = candidates.filter { $0.hasPrefix(beginning) }.sorted()
        guard let first = fitting.first, let last = fitting.last else { return ("", "") }
        if fitting.count == 1 {
            var ending = ""
            if case .commands = self { ending = " " }
            return (String(first.dropFirst(beginning.count)) + ending, "")
        }
        // Of sorted words the first and the last share what all share.
        let common = zip(first, last).prefix { $0 == $1 }.count
        let insertion = String(first.prefix(common).dropFirst(beginning.count))
        return (insertion, insertion.isEmpty ? Self.columns(fitting) : "")
    }

    /// As many as fit stand side by side.
    static func columns(_ words: [String]) -> String {
        let shown = words.prefix(mostChoices)
        let width = (shown.map(\.count).max() ?? 0) + 2
        let perLine = max(1, screenWidth / width)
        var lines: [String] = []
        for (place, word) in shown.enumerated() {
            if place % perLine == 0 { lines.append("") }
            let isLast = place % perLine == perLine - 1 || place == shown.count - 1
            lines[lines.count - 1] += word + (isLast ? "" : String(repeating: " ", count: width - word.count))
        }
        if words.count > shown.count { lines.append("... and \(words.count - shown.count) more") }
        return lines.joined(separator: "\n")
    }
}

extension Shell {
    /// Answers TAB; nothing is offered when the servers do not answer.
    func complete(_ text: String) async -> (insertion: String, choices: String) {
        let completion = ShellCompletion(text)
        switch completion {
        case .commands: return completion.offer(CommandTable.commands.map(\.name))
        case .children(let parent, _):
            guard let session = connection?.session, case .connected = session.standing,
                case .success(let reply) = await session.perform([.getChildren(path: parent, watch: false)])[0]
            else { return ("", "") }
            return completion.offer(reply.strings)
        case .nothing: return ("", "")
        }
    }
}
