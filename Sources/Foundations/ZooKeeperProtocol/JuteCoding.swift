import NIOCore
import WireCoding

// Jute's "binary" form: fixed-width big-endian integers; strings, buffers and vectors with an int32 length in front, -1
// for null.
extension WireReader {
    /// A string; null reads as empty, as ZooKeeper's own server takes it.
    package mutating func juteString() throws(MalformedInput) -> String {
        let length = try int32()
        return length == -1 ? "" : try text(Int(length))
    }

    /// The path of a node, which cannot be null.
    mutating func jutePath() throws(MalformedInput) -> String {
        let start = position
        guard let path = try juteNullableString() else { throw MalformedInput(.custom("no path"), at: start) }
        return path
    }

    package mutating func juteNullableString() throws(MalformedInput) -> String? {
        let length = try int32()
        return length == -1 ? nil : try text(Int(length))
    }

    /// A buffer; nil for null, which is not the same as empty.
    package mutating func juteBuffer() throws(MalformedInput) -> ByteBuffer? {
        let length = try int32()
        return length == -1 ? nil : try slice(Int(length))
    }

    /// A vector; null reads as empty. `minimumSize` is the least number of bytes of an item: a count that cannot be
    /// met by what is left is refused before memory is taken for it.
    package mutating func juteVector<Item>(
        minimumSize: Int, _ item: (inout WireReader) throws(MalformedInput) -> Item
    ) throws(MalformedInput) -> [Item] {
        let count = try int32()
        if count == -1 { return [] }
        guard count >= 0 else { throw MalformedInput(.negativeLength, at: position) }
        guard Int(count) <= remaining / minimumSize else { throw MalformedInput(.tooManyElements, at: position) }
        var items: [Item] = []
        items.reserveCapacity(Int(count))
        for _ in 0..<count { items.append(try item(&self)) }
        return items
    }

    package mutating func juteStrings() throws(MalformedInput) -> [String] {
        try juteVector(minimumSize: 4) { reader throws(MalformedInput) in try reader.juteString() }
    }
}

extension WireWriter {
    package mutating func juteString(_ value: String?) {
        guard let value else { return int32(-1) }
        int32(Int32(value.utf8.count))
        text(value)
    }

    package mutating func juteBuffer(_ value: ByteBuffer?) {
        guard let value else { return int32(-1) }
        int32(Int32(value.readableBytes))
        raw(value)
    }

    package mutating func juteVector<Item>(_ items: [Item], _ write: (inout WireWriter, Item) -> Void) {
        int32(Int32(items.count))
        for item in items { write(&self, item) }
    }

    package mutating func juteStrings(_ values: [String]) {
        juteVector(values) { $0.juteString($1) }
    }
}
