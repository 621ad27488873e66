import Glibc
import Testing

@testable import Tool

@Suite struct ShellHistoryTests {
    private func withHistory(_ body: (ShellHistory) throws -> Void) throws {
        var name = Array("/tmp/martlet-history-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&name).map { String(cString: $0) })
        let history = ShellHistory(path: "\(folder)/history")
        defer {
            unlink(history.path)
            rmdir(folder)
        }
        try body(history)
    }

    private func mode(_ path: String) -> mode_t {
        var attributes = stat()
        return stat(path, &attributes) == 0 ? attributes.st_mode & 0o777 : 0
    }

    @Test func linesOutliveTheShellAndPasswordsDoNot() throws {
        try withHistory { history in
            #expect(try history.lines() == [])
            for line in ["ls /", "addauth digest user:secret", "  addauth digest user:secret", "get /ä"] {
                try history.append(line)
            }
            #expect(try history.lines() == ["ls /", "get /ä"])
            #expect(mode(history.path) == 0o600)
        }
    }

    @Test func aFileThatOthersCanReadIsClosedToThem() throws {
        try withHistory { history in
            close(open(history.path, O_CREAT | O_WRONLY, 0o644))
            chmod(history.path, 0o644)
            try history.append("ls /")
            #expect(mode(history.path) == 0o600)
        }
    }

    @Test func theOldestLinesGo() throws {
        try withHistory { history in
            for number in 0...2 * ShellHistory.capacity { try history.append("get /\(number)") }
            let newest = "get /\(2 * ShellHistory.capacity)"
            #expect(try history.lines().count == ShellHistory.capacity)
            #expect(try history.lines().last == newest)
            let kept = try history.lines().reduce(0) { $0 + $1.utf8.count + 1 }
            var attributes = stat()
            #expect(stat(history.path, &attributes) == 0)
            #expect(attributes.st_size == kept)
        }
    }

    @Test func aFileThatCannotBeKeptIsNamed() {
        let history = ShellHistory(path: "/nonexistent/history")
        let failure = #expect(throws: ShellHistory.Failure.self) { try history.lines() }
        #expect(
            failure?.description
                == "history is not kept: /nonexistent/history cannot be opened: No such file or directory")
    }
}
