import Glibc
import Testing

/// A seed does the same in every process: Swift seeds its hashes anew in each, so that nothing may depend on their order.
@Suite(.threadsOfTheirOwn) struct ProcessTests {
    @Test(arguments: [("quorum", 20), ("coordinator", 20), ("ensemble", 3), ("broker", 20), ("regions", 1)])
    func aSeedDoesTheSameInEveryProcess(_ kind: String, _ seeds: Int) throws {
        let outputs = try (0..<2).map { _ in try digests(of: kind, seeds) }
        #expect(outputs[0].count == seeds)
        #expect(outputs[0] == outputs[1])
        #expect(Set(outputs[0]).count == seeds)
    }

    @Test func whatItSaysIsSeenWhileItRuns() throws {
        let output = try start("quorum --minutes 0.5")
        let process = try #require(nextLine(of: output).flatMap { pid_t($0) })
        #expect(nextLine(of: output) == "quorum, from seed 1")
        kill(process, SIGKILL)
        #expect(pclose(output) == SIGKILL)
    }

    private func digests(of kind: String, _ seeds: Int) throws -> [String] {
        let output = try start("\(kind) --seed 1 --seeds \(seeds) --digests")
        var lines: [String] = []
        while let line = nextLine(of: output) {
            if line.hasPrefix("seed ") { lines.append(line) }
        }
        #expect(pclose(output) == 0)
        return lines
    }

    /// What the program says, after a line with the number of its process. It lies beside that of the tests.
    private func start(_ arguments: String) throws -> UnsafeMutablePointer<FILE> {
        let tests = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") })
        let folder = tests.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return try #require(popen("echo $$; exec '\(folder.isEmpty ? "." : folder)/simulate' \(arguments)", "r"))
    }

    /// nil when there are no more.
    private func nextLine(of output: UnsafeMutablePointer<FILE>) -> String? {
        var buffer = [CChar](repeating: 0, count: 1024)
        guard fgets(&buffer, Int32(buffer.count), output) != nil else { return nil }
        return String(
            decoding: buffer.prefix { $0 != 0 && $0 != CChar(10) }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
