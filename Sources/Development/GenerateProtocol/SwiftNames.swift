/// Swift's words for what a schema says.
enum SwiftNames {
    private static let reserved: Set<String> = [
        "as", "break", "case", "class", "default", "do", "else", "enum", "extension", "false", "for", "func", "if",
        "import", "in", "init", "internal", "is", "let", "nil", "operator", "private", "protocol", "public", "repeat",
        "return", "self", "static", "struct", "switch", "throw", "true", "try", "var", "where", "while",
    ]

    /// `name` as an identifier that may be declared.
    static func identifier(_ name: String) -> String {
        reserved.contains(name) ? "`\(name)`" : name
    }

    /// `LeaderAndIsr` becomes `leaderAndIsr`.
    static func lowercasedFirst(_ name: String) -> String {
        name.prefix(1).lowercased() + name.dropFirst()
    }

    /// What the methods of `WireReader` and `WireWriter` for one `element` are called.
    static func primitive(_ element: FieldSchema.Element) -> String {
        switch element {
        case .int8: "int8"
        case .int16: "int16"
        case .int32: "int32"
        case .int64: "int64"
        case .uint16: "uint16"
        case .uint32: "uint32"
        case .float64: "float64"
        case .bool: "bool"
        case .string: "string"
        case .bytes: "bytes"
        case .records: "records"
        case .uuid: "uuid"
        case .structure(let name): name
        }
    }

    static func type(_ element: FieldSchema.Element) -> String {
        switch element {
        case .int8: "Int8"
        case .int16: "Int16"
        case .int32: "Int32"
        case .int64: "Int64"
        case .uint16: "UInt16"
        case .uint32: "UInt32"
        case .float64: "Double"
        case .bool: "Bool"
        case .string: "String"
        case .bytes: "ByteBuffer"
        case .records: "RecordBytes"
        case .uuid: "KafkaUUID"
        case .structure(let name): name
        }
    }
}

extension FieldSchema {
    /// Records are optional everywhere: no value stands for "none".
    var isOptional: Bool { nullable != nil || element == .records }

    var swiftType: String {
        let name = SwiftNames.type(element)
        return (isArray ? "[\(name)]" : name) + (isOptional ? "?" : "")
    }

    /// The value of a field that nobody has set.
    var swiftDefault: String {
        if defaultValue == "null" || element == .records { return "nil" }
        if isArray { return "[]" }
        switch element {
        case .int8, .int16, .int32, .int64, .uint16, .uint32, .float64: return defaultValue ?? "0"
        case .bool: return defaultValue ?? "false"
        case .string: return "\"\(defaultValue ?? "")\""
        case .bytes: return "ByteBuffer()"
        case .records: return "nil"
        case .uuid: return ".zero"
        case .structure(let name): return "\(name)()"
        }
    }

    /// Whether the field's wire form depends on the version's being flexible.
    var hasLength: Bool {
        isArray || element == .string || element == .bytes || element == .records
    }

    /// What is written for null in versions without null.
    var emptyValue: String {
        if isArray { return "[]" }
        switch element {
        case .bytes: return "ByteBuffer()"
        case .records: return ".inMemory(ByteBuffer())"
        default: return "\"\""
        }
    }

    /// What tells, in the type that has the field, whether it is worth writing as a tagged field.
    var isSetExpression: String {
        if isArray, !isOptional { return "!self.\(name).isEmpty" }
        if case .structure = element, !isOptional { return "!self.\(name).isDefault" }
        return element == .bool ? "self.\(name)" : "self.\(name) != \(swiftDefault)"
    }

    /// The opposite of ``isSetExpression``.
    var isDefaultExpression: String {
        if isArray, !isOptional { return "self.\(name).isEmpty" }
        if case .structure = element, !isOptional { return "self.\(name).isDefault" }
        return element == .bool ? "!self.\(name)" : "self.\(name) == \(swiftDefault)"
    }
}
