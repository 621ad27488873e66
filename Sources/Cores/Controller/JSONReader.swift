/// Reads one JSON text (RFC 8259). Nesting is limited, so that no text can exhaust the stack.
struct JSONReader {
    private static let depthLimit = 64

    private let text: [UInt8]
    private var position = 0
    private var depth = 0

    init(_ text: [UInt8]) { self.text = text }

    mutating func readWhole() throws(MalformedJSON) -> JSONValue {
        let value = try readValue()
        skipSpaces()
        guard position == text.count else { throw malformed("more text after the value") }
        return value
    }

    private func malformed(_ reason: String) -> MalformedJSON { MalformedJSON(reason: reason, position: position) }

    private var next: UInt8? { position < text.count ? text[position] : nil }

    private mutating func skipSpaces() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { position += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func readValue() throws(MalformedJSON) -> JSONValue {
        skipSpaces()
        switch next {
        case nil: throw malformed("the text ends where a value should be")
        case UInt8(ascii: "{"): return try readObject()
        case UInt8(ascii: "["): return try readArray()
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "t"): return try readWord("true", .bool(true))
        case UInt8(ascii: "f"): return try readWord("false", .bool(false))
        case UInt8(ascii: "n"): return try readWord("null", .null)
        default: return try readNumber()
        }
    }

    private mutating func readWord(_ word: String, _ value: JSONValue) throws(MalformedJSON) -> JSONValue {
        guard text[position...].starts(with: word.utf8) else { throw malformed("neither true, false nor null") }
        position += word.utf8.count
        return value
    }

    private mutating func descend() throws(MalformedJSON) {
        depth += 1
        guard depth <= Self.depthLimit else { throw malformed("nested more than \(Self.depthLimit) deep") }
        position += 1
        skipSpaces()
    }

    private mutating func readObject() throws(MalformedJSON) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var object: JSONObject = [:]
        if take("}") { return .object(object) }
        while true {
            skipSpaces()
            guard next == UInt8(ascii: "\"") else { throw malformed("a field's name is missing") }
            let name = try readString()
            skipSpaces()
            guard take(":") else { throw malformed("no colon after a field's name") }
            object.append(name, try readValue())
            skipSpaces()
            if take("}") { return .object(object) }
            guard take(",") else { throw malformed("neither comma nor end in an object") }
        }
    }

    private mutating func readArray() throws(MalformedJSON) -> JSONValue {
        try descend()
        defer { depth -= 1 }
        var items: [JSONValue] = []
        if take("]") { return .array(items) }
        while true {
            items.append(try readValue())
            skipSpaces()
            if take("]") { return .array(items) }
            guard take(",") else { throw malformed("neither comma nor end in an array") }
        }
    }

    private mutating func readNumber() throws(MalformedJSON) -> JSONValue {
        let start = position
        while let byte = next,
            (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E")
        { position += 1 }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        // Swift also reads `+1` and `.5`, which JSON does not have.
        guard let first = digits.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first) else {
            throw malformed("no value starts like this")
        }
        if let integer = Int64(digits) { return .integer(integer) }
        guard let number = Double(digits), number.isFinite else { throw malformed("not a number: \(digits)") }
        return .number(number)
    }

    private mutating func readString() throws(MalformedJSON) -> String {
        position += 1
        var bytes: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else { throw malformed("not UTF-8") }
                return string
            case UInt8(ascii: "\\"): bytes += String(try readEscape()).utf8
            case 0..<0x20: throw malformed("a control character in a string")
            default: bytes.append(byte)
            }
        }
        throw malformed("the text ends within a string")
    }

    private mutating func readEscape() throws(MalformedJSON) -> Unicode.Scalar {
        guard let byte = next else { throw malformed("the text ends within a string") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw malformed("an escape JSON does not have")
        }
        let unit = try readHex()
        guard (0xd800..<0xdc00).contains(unit) else {
            guard let scalar = Unicode.Scalar(unit) else { throw malformed("half a surrogate pair") }
            return scalar
        }
        guard take("\\"), take("u") else { throw malformed("half a surrogate pair") }
        let low = try readHex()
        guard (0xdc00..<0xe000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        else { throw malformed("half a surrogate pair") }
        return scalar
    }

    private mutating func readHex() throws(MalformedJSON) -> UInt32 {
        guard position + 4 <= text.count else { throw malformed("the text ends within an escape") }
        var value: UInt32 = 0
        for byte in text[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw malformed("not four hex digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }
}
