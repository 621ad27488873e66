import ArgumentParser
import KafkaProtocolJSON

/// `martlet wire decode`: hexadecimal bytes on standard input, JSON on standard output.
struct WireDecode: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Read hexadecimal bytes, write JSON.")

    @OptionGroup var arguments: WireArguments

    func run() throws {
        if arguments.jsonl { return try arguments.convertLines(WireLine.decoding) }
        let (type, version) = try arguments.message()
        let bytes = try Hexadecimal.bytes(of: WireArguments.input())
        print(try WireJSON.decode(type, version: version, from: bytes).text)
    }
}
