/// Reads one schema file.
///
/// A file is one message. Its first lines, after `#`, say what it is for. Then:
///
///     request NAME key 3 versions 0-12 flexible 9+ offered 0-12
///         field: string? 3+ = null
///         field: [Structure] 0-7 null 1+
///             field: int32 tag 0 = -1
///     struct Shared
///         field: int32
///
/// A field without versions exists wherever what encloses it does. `?` means nullable, `null 1+` nullable from
/// version 1 on. Structures that stand at several places follow the message as `struct`.
package struct SchemaReader {
    private let file: String
    private var lines: [SchemaLine]
    private var next = 0
    private var structures: [StructureSchema] = []
    /// Structures named but not nested, with the line that names them.
    private var sharedUses: [(name: String, line: Int)] = []

    private init(_ text: String, file: String) throws(SchemaError) {
        self.file = file
        lines = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if let line = try SchemaLine(line, number: index + 1, file: file) { lines.append(line) }
        }
    }

    package static func read(_ text: String, file: String) throws(SchemaError) -> MessageSchema {
        var reader = try SchemaReader(text, file: file)
        return try reader.message()
    }

    private mutating func message() throws(SchemaError) -> MessageSchema {
        let about = lines.prefix { $0.isComment }.map(\.text).joined(separator: " ")
        next = lines.prefix { $0.isComment }.count
        guard next < lines.count else { throw SchemaError(file: file, line: 1, reason: "no message") }
        let heading = lines[next]
        next += 1
        var message = try heading.message(in: file)
        message.about = about
        message.fields = try fields(at: 1, versions: message.versions)
        while next < lines.count {
            let line = lines[next]
            guard line.depth == 0, line.words.count == 2, line.words[0] == "struct" else {
                throw error(line, "expected 'struct NAME'")
            }
            next += 1
            let name = String(line.words[1])
            let place = structures.count
            let own = try fields(at: 1, versions: message.versions)
            try define(StructureSchema(name: name, versions: message.versions, fields: own), at: place, line: line)
        }
        for use in sharedUses where !structures.contains(where: { $0.name == use.name }) {
            throw SchemaError(file: file, line: use.line, reason: "no structure \(use.name)")
        }
        for structure in structures where !isReached(structure.name, from: message.fields) {
            throw SchemaError(file: file, line: heading.number, reason: "no field has the type \(structure.name)")
        }
        message.structures = structures
        return message
    }

    private mutating func fields(at depth: Int, versions: VersionRange) throws(SchemaError) -> [FieldSchema] {
        var fields: [FieldSchema] = []
        while next < lines.count, lines[next].depth >= depth {
            let line = lines[next]
            guard line.depth == depth else { throw error(line, "indented too far") }
            next += 1
            let field = try line.field(in: file, enclosing: versions)
            if fields.contains(where: { $0.name == field.name }) { throw error(line, "a second field \(field.name)") }
            fields.append(field)
            guard case .structure(let name) = field.element else { continue }
            if next < lines.count, lines[next].depth > depth {
                let place = structures.count
                let own = try self.fields(at: depth + 1, versions: field.versions)
                let structure = StructureSchema(name: name, versions: field.versions, fields: own)
                try define(structure, at: place, line: line)
            } else {
                sharedUses.append((name, line.number))
            }
        }
        return fields
    }

    private mutating func define(_ structure: StructureSchema, at place: Int, line: SchemaLine) throws(SchemaError) {
        if structures.contains(where: { $0.name == structure.name }) {
            throw error(line, "a second structure \(structure.name)")
        }
        if structure.fields.isEmpty { throw error(line, "the structure \(structure.name) has no fields") }
        structures.insert(structure, at: place)
    }

    private func isReached(_ name: String, from fields: [FieldSchema]) -> Bool {
        (fields + structures.flatMap(\.fields)).contains { $0.element == .structure(name) }
    }

    private func error(_ line: SchemaLine, _ reason: String) -> SchemaError {
        SchemaError(file: file, line: line.number, reason: reason)
    }
}
