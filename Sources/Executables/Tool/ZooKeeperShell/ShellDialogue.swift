import Glibc

/// The shell on a terminal: lines with editing, completion and a history that outlives it.
struct ShellDialogue {
    private static let historyName = ".martlet_zk_history"

    private let shell: Shell
    private let output: ShellOutput

    init(_ shell: Shell, _ output: ShellOutput) {
        self.shell = shell
        self.output = output
    }

    func run() async throws {
        var history = getenv("HOME").map { ShellHistory(path: "\(String(cString: $0))/\(Self.historyName)") }
        var earlier: [String] = []
        do throws(ShellHistory.Failure) {
            earlier = try history?.lines() ?? []
        } catch {
            output.complain(error.description)
            history = nil
        }
        let editor = LineEditor(
            history: earlier, complete: { [shell] in await shell.complete($0) },
            notice: { [output] in output.writeHeld() })
        guard let editor else { throw CommandFailure("this terminal cannot be used to edit lines") }
        output.complain("Connecting to \(await shell.address)")
        if await shell.connect() { output.complain("Connected; 'help' lists the commands, Ctrl-D ends.") }
        while !(await shell.isOver) {
            output.beginEditing { editor.wake() }
            let input = try await editor.read(prompt: await shell.prompt)
            output.endEditing()
            switch input {
            case .ended:
                output.complain("")
                return try await editor.close()
            case .interrupted: output.complain("^C")
            case .line(let line):
                if ShellLine.isSilent(line) { continue }
                try await editor.remember(line)
                do throws(ShellHistory.Failure) {
                    try history?.append(line)
                } catch {
                    output.complain(error.description)
                    history = nil
                }
                await shell.run(line: line)
            }
        }
        try await editor.close()
    }
}
