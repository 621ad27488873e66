/// One command of the shell: its name and grammar, and what it does.
struct ShellCommand: Sendable {
    typealias Run = @Sendable (isolated Shell, ShellArguments) async throws -> Void

    let name: String
    /// What follows the name, as zkCli's help has it.
    let grammar: String
    let options: ShellArguments.Known
    /// How many words there must be; what is more is for the command to judge.
    let words: Int
    /// Whether it asks a server something.
    let needsServer: Bool
    let run: Run

    /// - Parameters:
    ///   - flags: options that stand for themselves.
    ///   - valued: options that a value follows.
    init(
        _ name: String, _ grammar: String = "", flags: [String] = [], valued: [String] = [], words: Int = 0,
        needsServer: Bool = true, run: @escaping Run
    ) {
        self.name = name
        self.grammar = grammar
        self.options = ShellArguments.Known(flags: flags, valued: valued)
        self.words = words
        self.needsServer = needsServer
        self.run = run
    }

    /// One line; what scripts get that use the command wrongly.
    var usage: String { grammar.isEmpty ? name : "\(name) \(grammar)" }

    /// Throws ``ShellFailure`` when the command does not know what it is given.
    func arguments(_ texts: some Sequence<String>) throws(ShellFailure) -> ShellArguments {
        let arguments = try ShellArguments(texts, knowing: options)
        if arguments.words.count < words { throw ShellFailure(usage) }
        return arguments
    }
}
