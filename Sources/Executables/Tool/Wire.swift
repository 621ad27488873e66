import ArgumentParser
import KafkaProtocolJSON

/// `martlet wire`: Kafka's messages between bytes and JSON.
struct Wire: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Convert Kafka's wire messages between hexadecimal bytes and JSON.",
        discussion: """
            Bytes are message bodies without length and header. In JSON, bytes and records are base64, uuids URL-safe \
            base64; a body has exactly the fields of its version, and of the tagged ones those that are set.

            With --jsonl, each line of standard input is converted by itself: {"name","version","hex"} becomes \
            {"name","version","body"} and back. A line that cannot be converted becomes {"name","version","error"}, and \
            the exit code is 1 at the end.
            """,
        subcommands: [WireDecode.self, WireEncode.self])
}

/// Which message, and how much of it.
struct WireArguments: ParsableArguments {
    @Option(help: "The API's name or key, or a message's own name: Produce, 0, ProduceRequest, OffsetCommitValue.")
    var api: String?

    @Flag(exclusivity: .exclusive, help: "Which of the API's two messages.")
    var direction: WireJSON.Direction?

    @Option(help: "The version of the API or the message.")
    var version: Int16?

    @Flag(help: "Convert line by line; each line names its message and version.")
    var jsonl = false

    func validate() throws {
        if jsonl, api != nil || direction != nil || version != nil {
            throw ValidationError("With --jsonl each line says its message and version.")
        }
        if !jsonl, api == nil || version == nil {
            throw ValidationError("Say --api and --version, or --jsonl.")
        }
    }

    /// The message and the version; for commands without `--jsonl`.
    func message() throws -> (type: any NamedMessage.Type, version: Int16) {
        guard let api, let version else { throw ValidationError("Say --api and --version.") }
        return (try WireJSON.message(called: api, direction), version)
    }

    /// Converts standard input line by line; empty lines are passed over.
    func convertLines(_ convert: (String) -> WireLine) throws {
        var hasFailed = false
        while let line = readLine() {
            if line.isEmpty { continue }
            let result = convert(line)
            print(result.text)
            hasFailed = hasFailed || result.hasFailed
        }
        if hasFailed { throw ExitCode.failure }
    }

    /// All of standard input.
    static func input() -> String {
        var text = ""
        while let line = readLine(strippingNewline: false) { text += line }
        return text
    }
}

extension WireJSON.Direction: EnumerableFlag {
    package static var allCases: [WireJSON.Direction] { [.request, .response] }
}
