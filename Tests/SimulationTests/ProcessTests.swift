import Glibc
import Testing

/// A seed does the same in every process: Swift seeds its hashes anew in each, so that nothing may depend on their order.
@Suite struct ProcessTests {
    @Test(arguments: [("quorum", 20), ("ensemble", 3), ("broker", 20)])
    func aSeedDoesTheSameInEveryProcess(_ kind: String, _ seeds: Int) throws {
        let outputs = try (0..<2).map { _ in try digests(of: kind, seeds) }
        #expect(outputs[0].count == seeds)
        #expect(outputs[0] == outputs[1])
        #expect(Set(outputs[0]).count == seeds)
    }

    /// The program lies beside that of the tests.
    private func digests(of kind: String, _ seeds: Int) throws -> [String] {
        let tests = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") })
        let folder = tests.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let command = "'\(folder.isEmpty ? "." : folder)/simulate' \(kind) --seed 1 --seeds \(seeds) --digests"
        let output = try #require(popen(command, "r"))
        var lines: [String] = []
        var buffer = [CChar](repeating: 0, count: 1024)
        while fgets(&buffer, Int32(buffer.count), output) != nil {
            let line = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if line.hasPrefix("seed ") { lines.append(line) }
        }
        #expect(pclose(output) == 0)
        return lines
    }
}
