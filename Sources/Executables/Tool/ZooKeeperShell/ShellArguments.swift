/// What stands behind a command's name, parted into options and words. Options may stand anywhere before `--`, several
/// letters behind one dash, and a value may follow its option at once.
struct ShellArguments: Equatable, Sendable {
    /// Options that a command knows, without their dashes.
    struct Known: Sendable {
        /// Those that stand for themselves.
        var flags: [String] = []
        /// Those that a value follows.
        var valued: [String] = []

        fileprivate func has(_ name: String) -> Bool { flags.contains(name) || valued.contains(name) }
    }

    private(set) var flags: Set<String> = []
    /// Of an option that is given several times the last value counts.
    private(set) var values: [String: String] = [:]
    private(set) var words: [String] = []

    init(_ texts: some Sequence<String>, knowing known: Known) throws(ShellFailure) {
        var rest = Array(texts)[...]
        while let text = rest.popFirst() {
            if text == "--" {
                words += rest
                return
            }
            guard text.hasPrefix("-"), text != "-" else {
                words.append(text)
                continue
            }
            let name = String(text.dropFirst())
            if known.has(name) {
                try take(name, &rest, known)
            } else {
                try takeLetters(name, &rest, known)
            }
        }
    }

    private mutating func takeLetters(
        _ letters: String, _ rest: inout ArraySlice<String>, _ known: Known
    ) throws(ShellFailure) {
        var letters = Substring(letters)
        while let letter = letters.popFirst() {
            guard known.has("\(letter)") else { throw ShellFailure("Unrecognized option: -\(letters.base)") }
            if known.valued.contains("\(letter)"), !letters.isEmpty {
                values["\(letter)"] = String(letters)
                return
            }
            try take("\(letter)", &rest, known)
        }
    }

    private mutating func take(
        _ name: String, _ rest: inout ArraySlice<String>, _ known: Known
    ) throws(ShellFailure) {
        if known.flags.contains(name) {
            flags.insert(name)
            return
        }
        // A value may look like an option (-1), but not like one of this command's.
        guard let value = rest.first, !(value.hasPrefix("-") && known.has(String(value.dropFirst()))) else {
            throw ShellFailure("Missing argument for option: \(name)")
        }
        values[name] = value
        rest.removeFirst()
    }

    /// The value of an option as a number; nil when the option is not given.
    func number<Number: FixedWidthInteger>(_ name: String, else complaint: String) throws(ShellFailure) -> Number? {
        guard let text = values[name] else { return nil }
        guard let number = Number(text) else { throw ShellFailure(complaint) }
        return number
    }
}
