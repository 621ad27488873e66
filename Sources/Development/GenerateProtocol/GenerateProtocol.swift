import ArgumentParser
import FoundationEssentials

/// Writes the Swift of all wire messages from their schema files.
@main
struct GenerateProtocol: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate-protocol",
        abstract: "Write the Swift of Kafka's messages from Sources/Foundations/*/Schema, or check that it is current.")

    @Flag(help: "Write nothing; name the files that differ and exit with 1 if there are any.")
    var check = false

    @Option(help: "The package's root folder.")
    var root = "."

    func run() throws {
        let tree: GeneratedTree
        do {
            tree = try GeneratedTree(root: root)
        } catch let error as SchemaError {
            throw ValidationError("\(error)")
        }
        let paths = check ? try tree.differences(root: root) : try tree.write(root: root)
        for path in paths { print(check ? "differs: \(path)" : "wrote \(path)") }
        if check, !paths.isEmpty { throw ExitCode(1) }
    }
}
