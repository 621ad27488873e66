/// A JSON text in the making. Fields stay in their order.
indirect enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case decimal(Double)
    case text(String)
    case list([JSONValue])
    case object([Field])

    struct Field: Sendable, Equatable {
        var name: String
        var value: JSONValue

        init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    static func number(_ number: some BinaryInteger) -> JSONValue { .integer(Int64(number)) }

    /// Laid out as Apache ZooKeeper does: one field a line, lists in one line.
    var prettyText: String {
        var text = ""
        append(to: &text, depth: 0)
        return text
    }

    private func append(to text: inout String, depth: Int) {
        switch self {
        case .null: text += "null"
        case .bool(let flag): text += "\(flag)"
        case .integer(let number): text += "\(number)"
        // JSON has no name for what is no number.
        case .decimal(let number): text += number.isFinite ? "\(number)" : "null"
        case .text(let string): Self.append(quoted: string, to: &text)
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                text += index == 0 ? " " : ", "
                value.append(to: &text, depth: depth)
            }
            text += " ]"
        case .object(let fields):
            text += "{"
            for (index, field) in fields.enumerated() {
                text += index == 0 ? "\n" : ",\n"
                text += String(repeating: "  ", count: depth + 1)
                Self.append(quoted: field.name, to: &text)
                text += " : "
                field.value.append(to: &text, depth: depth + 1)
            }
            text += fields.isEmpty ? " }" : "\n\(String(repeating: "  ", count: depth))}"
        }
    }

    private static func append(quoted string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1f}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
