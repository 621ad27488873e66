/// Where a reader stands in a section of tagged fields (KIP-482): a count, then for each field its tag, its length and
/// its content, in ascending order of tags.
package struct TaggedFieldsBeingRead {
    fileprivate var left: UInt32
    fileprivate var lastTag: Int = -1
    /// Where the current field must end.
    fileprivate var end: Int
}

extension WireReader {
    package mutating func taggedFields() throws(MalformedInput) -> TaggedFieldsBeingRead {
        let count = try unsignedVarint()
        return TaggedFieldsBeingRead(left: count, end: position)
    }

    /// The tag of the next field; nil after the last. Refuses tags out of order and content that is longer or shorter
    /// than was said.
    package mutating func nextTag(_ fields: inout TaggedFieldsBeingRead) throws(MalformedInput) -> Int? {
        guard position == fields.end else {
            throw MalformedInput(.custom("tagged field of a wrong length"), at: position)
        }
        guard fields.left > 0 else { return nil }
        fields.left -= 1
        let tag = Int(try unsignedVarint())
        guard tag > fields.lastTag else { throw MalformedInput(.tagsOutOfOrder, at: position) }
        fields.lastTag = tag
        let count = Int(try unsignedVarint())
        guard count <= remaining else { throw MalformedInput(.truncated, at: position) }
        fields.end = position + count
        return tag
    }

    /// Passes over the content of the field whose tag was read last.
    package mutating func skipField(_ fields: TaggedFieldsBeingRead) throws(MalformedInput) {
        try skip(fields.end - position)
    }

    /// Passes over a section in which no tag is known.
    package mutating func skipTaggedFields() throws(MalformedInput) {
        var fields = try taggedFields()
        while try nextTag(&fields) != nil { try skipField(fields) }
    }
}

/// Where a writer stands in a section of tagged fields.
package struct TaggedFieldsBeingWritten {
    /// Where the section's count stands, in one byte: nothing has more than 127 known tags.
    fileprivate var start: Int
    fileprivate var fieldCount: UInt8 = 0
    /// Where the content of the field being written starts.
    fileprivate var contentStart = 0
}

extension WireWriter {
    package mutating func noTaggedFields() {
        int8(0)
    }

    package mutating func beginTaggedFields() -> TaggedFieldsBeingWritten {
        int8(0)
        return TaggedFieldsBeingWritten(start: count - 1)
    }

    /// Call it in ascending order of tags, and write the content before ``endField(of:)``.
    package mutating func beginField(_ tag: UInt32, of fields: inout TaggedFieldsBeingWritten) {
        fields.fieldCount += 1
        unsignedVarint(tag)
        fields.contentStart = count
    }

    package mutating func endField(of fields: inout TaggedFieldsBeingWritten) {
        insertLength(before: fields.contentStart)
    }

    package mutating func endTaggedFields(_ fields: TaggedFieldsBeingWritten) {
        patch(byte: fields.fieldCount, at: fields.start)
    }
}
