/// A JSON text as a value: what the nodes of the coordination tree hold.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Has a fraction or an exponent, or is too large for ``integer(_:)``.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads a whole text; spaces around it are allowed.
    package init(parsing text: [UInt8]) throws(MalformedJSON) {
        var reader = JSONReader(text)
        self = try reader.readWhole()
    }

    /// The text, without spaces, fields in the object's order.
    package var text: [UInt8] {
        var text: [UInt8] = []
        write(to: &text)
        return text
    }

    private func write(to text: inout [UInt8]) {
        switch self {
        case .null: text += "null".utf8
        case .bool(let value): text += (value ? "true" : "false").utf8
        case .integer(let value): text += String(value).utf8
        case .number(let value): text += String(value).utf8
        case .string(let value): Self.write(value, to: &text)
        case .array(let items):
            text.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                item.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object(let object):
            text.append(UInt8(ascii: "{"))
            for (index, field) in object.fields.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                Self.write(field.name, to: &text)
                text.append(UInt8(ascii: ":"))
                field.value.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func write(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: text += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }

    /// The string; nil for any other kind.
    package var asString: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The integer; nil for any other kind.
    package var asInteger: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The items; nil for any other kind.
    package var asArray: [JSONValue]? {
        guard case .array(let items) = self else { return nil }
        return items
    }

    /// The object; nil for any other kind.
    package var asObject: JSONObject? {
        guard case .object(let object) = self else { return nil }
        return object
    }
}

/// The fields of a JSON object in the order they are written in; equal when they hold the same in any order.
package struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Equatable {
        package var name: String
        package var value: JSONValue
    }

    package private(set) var fields: [Field]

    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// The value of the field; setting nil removes it. Of a name that came twice, the last counts.
    package subscript(name: String) -> JSONValue? {
        get { fields.last { $0.name == name }?.value }
        set {
            guard let newValue else { return fields.removeAll { $0.name == name } }
            if let index = fields.lastIndex(where: { $0.name == name }) {
                fields[index].value = newValue
            } else {
                fields.append(Field(name: name, value: newValue))
            }
        }
    }

    /// Adds a field whose name is known to be new.
    package mutating func append(_ name: String, _ value: JSONValue) {
        fields.append(Field(name: name, value: value))
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.fields.count == right.fields.count && left.fields.allSatisfy { right[$0.name] == $0.value }
    }
}

/// Why a text is not JSON.
package struct MalformedJSON: Error, Sendable, Equatable, CustomStringConvertible {
    package var reason: String
    /// Bytes before the place where it shows.
    package var position: Int

    package var description: String { "not JSON at byte \(position): \(reason)" }
}
