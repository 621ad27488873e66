/// The fewest bytes in which a structure can stand on the wire, so that a reader can tell a count that lies.
struct SmallestSizes {
    let message: MessageSchema

    init(_ message: MessageSchema) {
        self.message = message
    }

    /// Over all versions in which the structure occurs; at least 1.
    func size(of structure: StructureSchema) -> Int {
        let versions = structure.versions.intersection(message.versions) ?? message.versions
        let sizes = (versions.lowest...versions.highest).map { size(of: structure.fields, version: $0) }
        return max(1, sizes.min() ?? 1)
    }

    private func size(of fields: [FieldSchema], version: Int) -> Int {
        let range = VersionRange(version, version)
        let isFlexible = message.flexible?.covers(range) ?? false
        let present = fields.filter { $0.tag == nil && $0.versions.covers(range) }
        return present.reduce(isFlexible ? 1 : 0) { $0 + size(of: $1, version: version, isFlexible: isFlexible) }
    }

    private func size(of field: FieldSchema, version: Int, isFlexible: Bool) -> Int {
        let isCompact = isFlexible && !field.isClassic
        if field.isArray { return isCompact ? 1 : 4 }
        switch field.element {
        case .int8, .bool: return 1
        case .int16, .uint16: return 2
        case .int32, .uint32: return 4
        case .int64, .float64: return 8
        case .uuid: return 16
        case .string: return isCompact ? 1 : 2
        case .bytes, .records: return isCompact ? 1 : 4
        case .structure(let name):
            if field.nullable != nil { return 1 }
            let fields = message.structures.first { $0.name == name }?.fields ?? []
            return size(of: fields, version: version)
        }
    }
}
