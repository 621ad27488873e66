import CoordinatorClient
import ZooKeeperProtocol

/// Runs commands one after the other on one session, and remembers how they went.
actor Shell {
    /// The release of Apache ZooKeeper whose shell this one follows, and whose it is.
    static let version = "3.9.5-martlet"
    /// So many commands before itself are shown by `history`.
    private static let shownHistory = 10

    let output: ShellOutput
    private let options: ShellConnectionOptions
    private(set) var connection: ShellConnection?
    /// What `connect` without an argument connects to.
    private(set) var address: String
    private var history: [String] = []
    /// Whether `quit` was given.
    private(set) var isOver = false
    /// Of the first command that failed; 0 when none did.
    private(set) var status: Int32 = 0

    init(address: String, _ options: ShellConnectionOptions, output: ShellOutput) {
        self.address = address
        self.options = options
        self.output = output
    }

    var prompt: String {
        "[zk: \(connection?.address ?? address)(\(connection?.standing ?? "CLOSED")) \(history.count)] "
    }

    /// One line: a command, or nothing.
    func run(line: String) async {
        if ShellLine.isSilent(line) { return }
        history.append(line)
        await run(words: ShellLine.words(line))
    }

    /// One command in words.
    func run(words: [String]) async {
        guard let name = words.first else { return }
        do {
            guard let command = CommandTable.byName[name] else {
                throw ShellFailure(
                    "Command not found: \(name) ('help' lists all)", status: ShellFailure.unknownCommandStatus)
            }
            try await command.run(self, try command.arguments(words.dropFirst()))
        } catch let failure as ShellFailure {
            fail(failure)
        } catch {
            fail(ShellFailure("\(error)"))
        }
    }

    private func fail(_ failure: ShellFailure) {
        output.complain(failure.description)
        if status == 0 { status = failure.status }
    }

    // MARK: - The session

    /// Connects; returns whether there is a session now, and says why there is none.
    func connect() async -> Bool {
        await run(words: ["connect"])
        return connection != nil
    }

    func connect(_ arguments: ShellArguments) async throws {
        if let text = arguments.words.first { address = text }
        await close()
        do {
            let connection = try ShellConnection(address: address, options, output: output)
            try await connection.open()
            self.connection = connection
        } catch CoordinatorError.connectionLost(let reason) {
            throw ShellFailure("no connection to \(address): \(reason)")
        }
    }

    func close() async {
        await connection?.close()
        connection = nil
    }

    /// The session, once it has a connection. Throws ``ShellFailure``.
    func session(for path: String?) async throws -> CoordinatorSession {
        guard let session = connection?.session else { throw ShellFailure("Not connected") }
        do {
            try await session.untilConnected(within: options.patience)
        } catch {
            throw ShellFailure(error, at: path)
        }
        return session
    }

    // MARK: - Commands about lines

    func showHistory() {
        let newest = history.count - 1
        for number in max(0, newest - Self.shownHistory)..<history.count {
            output.result("\(number) - \(history[number])")
        }
    }

    /// Runs an earlier line again; it takes the place of this one in the history.
    func redo(_ arguments: ShellArguments) async throws {
        guard let number = Int(arguments.words[0]), history.indices.dropLast().contains(number) else {
            throw ShellFailure("Command index out of range")
        }
        let words = ShellLine.words(history[number])
        if words.first == "redo" { throw ShellFailure("No redoing redos") }
        history[history.count - 1] = history[number]
        await run(words: words)
    }

    func quit() { isOver = true }
}
