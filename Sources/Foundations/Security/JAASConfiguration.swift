/// A file of the Java Authentication and Authorization Service, in which Java's servers and clients find their
/// credentials: sections of login modules with options.
///
///     Server {
///         org.apache.zookeeper.server.auth.DigestLoginModule required
///         user_bob="secret";
///     };
package struct JAASConfiguration: Sendable, Equatable {
    /// A text that is no such file.
    package struct Unreadable: Error, Sendable, Equatable, CustomStringConvertible {
        package var line: Int
        package var cause: String

        package var description: String { "line \(line): \(cause)" }
    }

    /// A section that is not there, or that says nothing usable.
    package struct UnusableSection: Error, Sendable, Equatable, CustomStringConvertible {
        package var description: String
        /// Whether the file is fine and only lacks the section.
        package var isAbsent = false

        package init(_ description: String, isAbsent: Bool = false) {
            self.description = description
            self.isAbsent = isAbsent
        }
    }

    package struct LoginModule: Sendable, Equatable {
        /// With its package.
        package var className: String
        package var options: [String: String]

        /// Without its package.
        package var name: String { String(className.split(separator: ".").last ?? "") }
    }

    /// By name, each with its modules in order.
    package private(set) var sections: [String: [LoginModule]] = [:]

    package init(_ text: String) throws(Unreadable) {
        var words = JAASWords(text)
        while let name = try words.next() {
            guard case .text(let name) = name else { throw words.refusal("a section begins with its name") }
            try words.take("{", "after the name of section \(name)")
            guard sections.updateValue(try Self.modules(&words, of: name), forKey: name) == nil else {
                throw words.refusal("a second section \(name)")
            }
            try words.take(";", "after the } of section \(name)")
        }
    }

    private static func modules(_ words: inout JAASWords, of section: String) throws(Unreadable) -> [LoginModule] {
        var modules: [LoginModule] = []
        while true {
            switch try words.next() {
            case .mark("}"): return modules
            case .text(let className): modules.append(try module(className, &words))
            case .mark, nil: throw words.refusal("section \(section) lacks a module or its }")
            }
        }
    }

    private static func module(_ className: String, _ words: inout JAASWords) throws(Unreadable) -> LoginModule {
        guard case .text(let flag) = try words.next(),
            ["required", "requisite", "sufficient", "optional"].contains(flag.lowercased())
        else { throw words.refusal("required, requisite, sufficient or optional must follow \(className)") }
        var module = LoginModule(className: className, options: [:])
        while true {
            switch try words.next() {
            case .mark(";"): return module
            case .text(let key):
                try words.take("=", "after \(key)")
                guard case .text(let value) = try words.next() else { throw words.refusal("\(key) has no value") }
                module.options[key] = value
            case .mark, nil: throw words.refusal("a ; must follow the options of \(className)")
            }
        }
    }
}

/// The words of such a file, without its comments.
private struct JAASWords {
    enum Word: Equatable {
        case text(String)
        /// One of `{ } ; =`.
        case mark(Character)
    }

    private var rest: Substring
    private var line = 1

    init(_ text: String) { rest = Substring(text) }

    func refusal(_ cause: String) -> JAASConfiguration.Unreadable {
        JAASConfiguration.Unreadable(line: line, cause: cause)
    }

    mutating func take(_ mark: Character, _ place: String) throws(JAASConfiguration.Unreadable) {
        guard try next() == .mark(mark) else { throw refusal("a \(mark) must stand \(place)") }
    }

    /// nil at the end.
    mutating func next() throws(JAASConfiguration.Unreadable) -> Word? {
        try skipSpace()
        guard let first = rest.first else { return nil }
        if "{};=".contains(first) { return .mark(rest.removeFirst()) }
        if first == "\"" { return .text(try quoted()) }
        let word = rest.prefix { !$0.isWhitespace && !"{};=\"".contains($0) }
        rest = rest[word.endIndex...]
        return .text(String(word))
    }

    private mutating func quoted() throws(JAASConfiguration.Unreadable) -> String {
        rest.removeFirst()
        var text = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return text
            case "\\":
                guard let escaped = rest.popFirst() else { break }
                text.append(["n": "\n", "t": "\t", "r": "\r"][escaped] ?? escaped)
            case _ where character.isNewline: throw refusal("a \" lacks its other half")
            default: text.append(character)
            }
        }
        throw refusal("a \" lacks its other half")
    }

    private mutating func skipSpace() throws(JAASConfiguration.Unreadable) {
        while let first = rest.first {
            if first.isWhitespace {
                if first.isNewline { line += 1 }
                rest.removeFirst()
            } else if rest.hasPrefix("//") || first == "#" {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                try skipLongComment()
            } else {
                return
            }
        }
    }

    private mutating func skipLongComment() throws(JAASConfiguration.Unreadable) {
        let start = line
        while !rest.hasPrefix("*/") {
            guard let character = rest.popFirst() else {
                throw JAASConfiguration.Unreadable(line: start, cause: "a comment lacks its */")
            }
            if character.isNewline { line += 1 }
        }
        rest = rest.dropFirst(2)
    }
}
