/// The statements that read and write the fields of one structure.
struct FieldsCode {
    var fields: [FieldSchema]
    /// Versions in which the structure occurs.
    var versions: VersionRange
    /// Flexible versions of the message.
    var flexible: VersionRange?
    /// The fewest bytes that a structure of the message takes, by its name.
    var elementSizes: [String: Int]

    private var ordered: [FieldSchema] { fields.filter { $0.tag == nil } }
    private var tagged: [FieldSchema] { fields.filter { $0.tag != nil }.sorted { ($0.tag ?? 0) < ($1.tag ?? 0) } }

    /// A Swift expression; `true` and `false` where the versions leave no choice.
    private func flexibility(of known: VersionRange) -> String {
        guard let common = flexible?.intersection(known) else { return "false" }
        return common.covers(known) ? "true" : "flexible"
    }

    private func compactness(of field: FieldSchema) -> String {
        field.isClassic ? "false" : flexibility(of: field.versions)
    }

    /// Declares `flexible` where `statements` ask for it.
    private func declaringFlexible(_ statements: [String]) -> [String] {
        guard let flexible, statements.contains(where: { $0.contains("flexible") }),
            let condition = flexible.condition(within: versions)
        else { return statements }
        return ["let flexible = \(condition)"] + statements
    }

    // MARK: Reading

    func reading() -> [String] {
        var statements: [String] = []
        for field in ordered { statements += reading(field).under(field.versions.condition(within: versions)) }
        let hasTags = flexibility(of: versions)
        if hasTags != "false" {
            statements += readingTagged().under(hasTags == "true" ? nil : hasTags)
        }
        return declaringFlexible(statements)
    }

    private func reading(_ field: FieldSchema) -> [String] {
        let compact = "compact: \(compactness(of: field))"
        if case .structure(let name) = field.element {
            if !field.isArray { return readingStructure(field, name) }
            return readingElements(field, name, "\(compact), elementSize: \(elementSizes[name] ?? 1)")
        }
        let plain = SwiftNames.primitive(field.element) + (field.isArray ? "Array" : "")
        let arguments = field.hasLength ? "(\(compact))" : "()"
        let call = choice(
            field, nullable: "reader.nullable\(plain.prefix(1).uppercased())\(plain.dropFirst())\(arguments)",
            plain: "reader.\(plain)\(arguments)")
        return ["self.\(field.name) = try \(call)"]
    }

    private func readingElements(_ field: FieldSchema, _ name: String, _ compact: String) -> [String] {
        let element = "try \(name)(reading: &reader, version: version)"
        let capacity = "reader.capacity(for: count, stride: MemoryLayout<\(name)>.stride)"
        guard field.nullable != nil else {
            return [
                "let \(field.name)Count = try reader.arrayCount(\(compact))",
                "self.\(field.name).reserveCapacity("
                    + "reader.capacity(for: \(field.name)Count, stride: MemoryLayout<\(name)>.stride))",
                "for _ in 0..<\(field.name)Count { self.\(field.name).append(\(element)) }",
            ]
        }
        let count = choice(
            field, nullable: "reader.nullableArrayCount(\(compact))", plain: "reader.arrayCount(\(compact))")
        return [
            "if let count = try \(count) {",
            "    var elements: [\(name)] = []",
            "    elements.reserveCapacity(\(capacity))",
            "    for _ in 0..<count { elements.append(\(element)) }",
            "    self.\(field.name) = elements",
            "} else {",
            "    self.\(field.name) = nil",
            "}",
        ]
    }

    private func readingStructure(_ field: FieldSchema, _ name: String) -> [String] {
        let value = "\(name)(reading: &reader, version: version)"
        guard field.nullable != nil else { return ["self.\(field.name) = try \(value)"] }
        return ["self.\(field.name) = try reader.isPresent() ? \(value) : nil"]
    }

    private func readingTagged() -> [String] {
        if tagged.isEmpty { return ["try reader.skipTaggedFields()"] }
        var lines = [
            "var tags = try reader.taggedFields()",
            "while let tag = try reader.nextTag(&tags) {",
            "    switch tag {",
        ]
        for field in tagged {
            let condition = field.versions.condition(within: flexible?.intersection(versions) ?? versions)
            lines.append("    case \(field.tag ?? 0)\(condition.map { " where \($0)" } ?? ""):")
            lines += reading(field).indented().indented()
        }
        return lines + ["    default: try reader.skipField(tags)", "    }", "}"]
    }

    // MARK: Writing

    func writing() -> [String] {
        var statements: [String] = []
        for field in ordered { statements += writing(field).under(field.versions.condition(within: versions)) }
        let hasTags = flexibility(of: versions)
        if hasTags != "false" {
            statements += writingTagged().under(hasTags == "true" ? nil : hasTags)
        }
        return declaringFlexible(statements)
    }

    private func writing(_ field: FieldSchema) -> [String] {
        let compact = "compact: \(compactness(of: field))"
        let value = "self.\(field.name)"
        if case .structure = field.element {
            return field.isArray ? writingElements(field, compact) : writingStructure(field)
        }
        let plain = SwiftNames.primitive(field.element) + (field.isArray ? "Array" : "")
        guard field.hasLength else { return ["writer.\(plain)(\(value))"] }
        guard field.isOptional else { return ["writer.\(plain)(\(value), \(compact))"] }
        let nullable = "writer.nullable\(plain.prefix(1).uppercased())\(plain.dropFirst())(\(value), \(compact))"
        let never = "writer.\(plain)(\(value) ?? \(field.emptyValue), \(compact))"
        guard let range = field.nullable else { return [never] }
        guard let condition = range.condition(within: field.versions) else { return [nullable] }
        return ["if \(condition) { \(nullable) } else { \(never) }"]
    }

    private func writingElements(_ field: FieldSchema, _ compact: String) -> [String] {
        let value = "self.\(field.name)"
        let element = "{ element.write(to: &writer, version: version) }"
        guard let nullable = field.nullable else {
            return ["writer.arrayCount(\(value).count, \(compact))", "for element in \(value) \(element)"]
        }
        let elements = nullable.condition(within: field.versions).map { "\($0) ? \(value) : \(value) ?? []" } ?? value
        return [
            "if let elements = \(elements) {",
            "    writer.arrayCount(elements.count, \(compact))",
            "    for element in elements \(element)",
            "} else {",
            "    writer.nullLength(\(compact))",
            "}",
        ]
    }

    private func writingStructure(_ field: FieldSchema) -> [String] {
        let value = "self.\(field.name)"
        guard field.nullable != nil else { return ["\(value).write(to: &writer, version: version)"] }
        return ["writer.presence(\(value) != nil)", "\(value)?.write(to: &writer, version: version)"]
    }

    private func writingTagged() -> [String] {
        if tagged.isEmpty { return ["writer.noTaggedFields()"] }
        var lines = ["var tags = writer.beginTaggedFields()"]
        for field in tagged {
            let condition = field.versions.condition(within: flexible?.intersection(versions) ?? versions)
            let body =
                ["writer.beginField(\(field.tag ?? 0), of: &tags)"] + writing(field) + ["writer.endField(of: &tags)"]
            lines += body.under((condition.map { "\($0) && " } ?? "") + field.isSetExpression)
        }
        return lines + ["writer.endTaggedFields(tags)"]
    }

    /// The call for a field that may be null in some versions, in all or in none.
    private func choice(_ field: FieldSchema, nullable: String, plain: String) -> String {
        guard let range = field.nullable else { return plain }
        guard let condition = range.condition(within: field.versions) else { return nullable }
        return "\(condition) ? \(nullable) : \(plain)"
    }
}
