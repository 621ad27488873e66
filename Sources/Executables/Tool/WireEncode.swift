import ArgumentParser
import KafkaProtocolJSON

/// `martlet wire encode`: JSON on standard input, hexadecimal bytes on standard output.
struct WireEncode: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode", abstract: "Read JSON, write hexadecimal bytes.")

    @OptionGroup var arguments: WireArguments

    func run() throws {
        if arguments.jsonl { return try arguments.convertLines(WireLine.encoding) }
        let (type, version) = try arguments.message()
        let body = try JSONParser.parse(WireArguments.input())
        print(Hexadecimal.text(of: try WireJSON.encode(type, version: version, body: body)))
    }
}
