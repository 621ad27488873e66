import Testing

/// What a reviewer would say of any source, said by a test.
@Suite("Tidiness")
struct TidyTests {
    /// How long a file may be; one subject seldom needs half of it.
    static let mostLines = 600

    let tree = SourceTree()

    @Test("No source breaks a rule", arguments: ["Sources", "Tests"])
    func rules(folder: String) throws {
        let rules = SourceRule.everywhere + (folder == "Sources" ? SourceRule.sources : [])
        let files = try tree.swiftFiles(in: folder)
        #expect(files.count > 100, "the sources were not found")
        // This folder holds lines that break the rules, to try them on.
        for file in files where !file.hasPrefix("Tests/TidyTests/") {
            let text = try tree.text(of: file)
            for rule in rules {
                for line in rule.brokenLines(in: text) { Issue.record("\(file):\(line): \(rule.complaint)") }
            }
            if !file.contains("/Generated/"), let line = Self.lineTooMany(in: text) {
                Issue.record("\(file):\(line): more than \(Self.mostLines) lines: two subjects")
            }
            if text.allSatisfy(\.isWhitespace) { Issue.record("\(file):1: an empty file") }
        }
    }

    @Test("Every folder of a module is in the manifest")
    func manifest() throws {
        let manifest = try tree.text(of: "Package.swift")
        for layer in try tree.folders(in: "Sources") {
            for module in try tree.folders(in: "Sources/\(layer)") where !Self.names(module, in: manifest) {
                Issue.record("Sources/\(layer)/\(module): no module of Package.swift")
            }
        }
        for tests in try tree.folders(in: "Tests") {
            let module = String(tests.dropLast("Tests".count))
            if !Self.names(module, in: manifest), !Self.names(tests, in: manifest) {
                Issue.record("Tests/\(tests): no module of Package.swift")
            }
        }
    }

    @Test(
        "Rules see what breaks them",
        arguments: [
            "(try! size())", "let file = entry as! File", "    fatalError(\"no\")",
            "struct FileManager {", "enum TimeUtils {}", "let clientImpl = 1", "func makeHelper() {}",
        ])
    func broken(line: String) {
        #expect(SourceRule.everywhere.flatMap { $0.brokenLines(in: "first\n\(line)\nlast") } == [2])
    }

    @Test(
        "Rules for what is shipped see what breaks them",
        arguments: ["import Foundation", "@testable public import FoundationXML", "let size = try? file.size()"])
    func brokenSources(line: String) {
        #expect(SourceRule.sources.flatMap { $0.brokenLines(in: "import NIOCore\n\(line)") } == [2])
    }

    @Test(
        "Rules leave alone what only looks alike",
        arguments: [
            "entry?.size", "// try? is not used", "retry!.size", "was!", "FileManager.default", "struct Implicit {}",
            "import FoundationEssentials", "notFatalError(1)",
        ])
    func kept(line: String) {
        #expect((SourceRule.everywhere + SourceRule.sources).allSatisfy { $0.brokenLines(in: line).isEmpty })
    }

    @Test("The first line that is too many is found")
    func length() {
        let longest = String(repeating: "\n", count: Self.mostLines)
        #expect(Self.lineTooMany(in: longest) == nil)
        #expect(Self.lineTooMany(in: longest + "}") == Self.mostLines + 1)
    }

    @Test("A module is in the manifest by its whole name")
    func names() {
        #expect(Self.names("Records", in: "Module(name: \"Records\")"))
        #expect(!Self.names("Record", in: "Module(name: \"Records\")"))
    }

    private static func lineTooMany(in text: String) -> Int? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.count > mostLines ? mostLines + 1 : nil
    }

    private static func names(_ module: String, in manifest: String) -> Bool {
        manifest.contains("name: \"\(module)\"")
    }
}
