import FoundationEssentials
import KafkaProtocolJSON
import NIOCore

/// One message body as Apache Kafka 3.9 encodes it.
struct FixtureRow: Sendable {
    var name: String
    var key: Int64
    var version: Int16
    var body: JSONValue
    var bytes: ByteBuffer

    /// All rows of `Fixtures/wire.jsonl`.
    static func all(file: String = #filePath) throws -> [FixtureRow] {
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let text = try String(contentsOfFile: "\(folder)/Fixtures/wire.jsonl", encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            let json = try JSONParser.parse(String(line))
            guard case .string(let name) = json["name"], case .integer(let key) = json["key"],
                case .integer(let version) = json["version"], case .string(let hex) = json["hex"],
                let body = json["body"]
            else { throw BadRow(line: String(line)) }
            return FixtureRow(
                name: name, key: key, version: Int16(version), body: body,
                bytes: try ByteBuffer(plainHexEncodedBytes: hex))
        }
    }

    struct BadRow: Error {
        var line: String
    }
}
