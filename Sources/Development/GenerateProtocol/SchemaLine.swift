/// One line of a schema file, cut into words.
struct SchemaLine {
    /// From 1.
    var number: Int
    /// Levels of indentation, four spaces each.
    var depth: Int
    var isComment: Bool
    /// Without indentation and, in comments, without `#`.
    var text: String
    var words: [Substring]

    /// Nil for an empty line.
    init?(_ line: Substring, number: Int, file: String) throws(SchemaError) {
        let indentation = line.prefix { $0 == " " }.count
        let rest = line.dropFirst(indentation)
        if rest.isEmpty { return nil }
        guard indentation % 4 == 0, rest.first != "\t" else {
            throw SchemaError(file: file, line: number, reason: "indentation is four spaces a level")
        }
        self.number = number
        depth = indentation / 4
        isComment = rest.first == "#"
        text = String(isComment ? rest.drop { $0 == "#" || $0 == " " } : rest)
        words = rest.split(separator: " ")
    }

    /// The message that this line opens, still without fields.
    func message(in file: String) throws(SchemaError) -> MessageSchema {
        func refuse(_ reason: String) -> SchemaError { SchemaError(file: file, line: number, reason: reason) }
        guard depth == 0, words.count >= 2, let kind = MessageSchema.Kind(rawValue: String(words[0])) else {
            throw refuse("expected 'request', 'response', 'header' or 'data' and a name")
        }
        var message = MessageSchema(
            kind: kind, name: String(words[1]), about: "", key: nil, versions: VersionRange(0, 0), flexible: nil,
            offered: nil, fields: [], structures: [])
        var hasVersions = false
        var rest = words[2...]
        while let word = rest.popFirst() {
            guard let value = rest.popFirst() else { throw refuse("nothing follows '\(word)'") }
            if word == "key" {
                guard let key = Int(value) else { throw refuse("'\(value)' is no key") }
                message.key = key
                continue
            }
            guard let range = VersionRange(value) else { throw refuse("'\(value)' is no range of versions") }
            switch word {
            case "versions":
                message.versions = range
                hasVersions = true
            case "flexible": message.flexible = range
            case "offered": message.offered = range
            default: throw refuse("unknown word '\(word)'")
            }
        }
        guard hasVersions, message.versions.highest < VersionRange.unbounded else {
            throw refuse("the message needs 'versions' with an end")
        }
        guard (kind == .request || kind == .response) == (message.key != nil) else {
            throw refuse("requests and responses have a key, others have none")
        }
        message.flexible = message.flexible.flatMap { $0.intersection(message.versions) }
        return message
    }

    /// The field that this line describes, its versions cut to those of `enclosing`.
    func field(in file: String, enclosing: VersionRange) throws(SchemaError) -> FieldSchema {
        func refuse(_ reason: String) -> SchemaError { SchemaError(file: file, line: number, reason: reason) }
        guard !isComment, words.count >= 2, let name = words.first, name.hasSuffix(":"), name.count > 1 else {
            throw refuse("expected 'name: type'")
        }
        var type = words[1]
        let isNullable = type.hasSuffix("?")
        if isNullable { type = type.dropLast() }
        let isArray = type.hasPrefix("[") && type.hasSuffix("]")
        if isArray { type = type.dropFirst().dropLast() }
        guard let element = FieldSchema.Element(type) else { throw refuse("unknown type '\(words[1])'") }
        var field = FieldSchema(
            name: String(name.dropLast()), element: element, isArray: isArray, versions: enclosing, nullable: nil,
            tag: nil, isClassic: false, defaultValue: nil)
        var rest = words[2...]
        while let word = rest.popFirst() {
            if word == "classic" {
                field.isClassic = true
                continue
            }
            if let range = VersionRange(word) {
                guard let versions = range.intersection(enclosing) else {
                    throw refuse("exists in no version of what encloses it")
                }
                field.versions = versions
                continue
            }
            guard let value = rest.popFirst() else { throw refuse("nothing follows '\(word)'") }
            switch word {
            case "tag":
                guard let tag = Int(value), tag >= 0 else { throw refuse("'\(value)' is no tag") }
                field.tag = tag
            case "null":
                guard let range = VersionRange(value) else { throw refuse("'\(value)' is no range of versions") }
                field.nullable = range
            case "=": field.defaultValue = String(value)
            default: throw refuse("unknown word '\(word)'")
            }
        }
        if isNullable { field.nullable = field.versions }
        field.nullable = field.nullable.flatMap { $0.intersection(field.versions) }
        if case .structure = element, !isArray, let nullable = field.nullable, !nullable.covers(field.versions) {
            throw refuse("a structure is nullable in all its versions or in none")
        }
        let isNullByDefault = field.defaultValue == "null"
        if field.tag != nil, field.nullable != nil, !isNullByDefault {
            throw refuse("nullable and tagged, so null by default")
        }
        if element == .bool, field.tag != nil, field.defaultValue == "true" {
            throw refuse("tagged, so false by default")
        }
        if isNullByDefault, field.nullable == nil { throw refuse("null by default but not nullable") }
        return field
    }
}

extension FieldSchema.Element {
    /// Names that start with a capital are structures.
    init?(_ text: Substring) {
        switch text {
        case "int8": self = .int8
        case "int16": self = .int16
        case "int32": self = .int32
        case "int64": self = .int64
        case "uint16": self = .uint16
        case "uint32": self = .uint32
        case "float64": self = .float64
        case "bool": self = .bool
        case "string": self = .string
        case "bytes": self = .bytes
        case "records": self = .records
        case "uuid": self = .uuid
        default:
            guard let first = text.first, first.isUppercase, text.allSatisfy({ $0.isLetter || $0.isNumber }) else {
                return nil
            }
            self = .structure(String(text))
        }
    }
}
