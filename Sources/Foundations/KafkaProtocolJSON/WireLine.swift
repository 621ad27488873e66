import NIOCore

/// One line of bulk conversion: an object with `name`, `version` and either `hex` or `body` becomes an object with the
/// other one, or with `error`. Other members are passed over.
package struct WireLine: Sendable, Equatable {
    package var text: String
    /// Whether `text` tells of an error.
    package var hasFailed: Bool

    /// From `hex` to `body`.
    package static func decoding(_ line: String) -> WireLine {
        converting(line, from: "hex", to: "body") { type, version, hex in
            guard case .string(let text) = hex else {
                throw JSONMismatch("hex", "expected a string, found \(hex.kind)")
            }
            return try WireJSON.decode(type, version: version, from: Hexadecimal.bytes(of: text))
        }
    }

    /// From `body` to `hex`.
    package static func encoding(_ line: String) -> WireLine {
        converting(line, from: "body", to: "hex") { type, version, body in
            .string(Hexadecimal.text(of: try WireJSON.encode(type, version: version, body: body)))
        }
    }

    private static func converting(
        _ line: String, from source: String, to target: String,
        _ convert: (any NamedMessage.Type, Int16, JSONValue) throws -> JSONValue
    ) -> WireLine {
        var name = JSONValue.null
        var version = JSONValue.null
        func object(_ member: String, _ value: JSONValue) -> String {
            JSONValue.object([.init("name", name), .init("version", version), .init(member, value)]).text
        }
        do {
            let json = try JSONParser.parse(line)
            name = json["name"] ?? .null
            version = json["version"] ?? .null
            guard case .string(let message) = name else { throw JSONMismatch("name", "expected a string") }
            guard case .integer(let integer) = version, let number = Int16(exactly: integer) else {
                throw JSONMismatch("version", "expected a version")
            }
            guard let value = json[source] else { throw JSONMismatch(source, "missing") }
            let type = try WireJSON.message(called: message, nil)
            return WireLine(text: object(target, try convert(type, number, value)), hasFailed: false)
        } catch {
            return WireLine(text: object("error", .string("\(error)")), hasFailed: true)
        }
    }
}
