import NIOCore
import WireCoding

/// One limit of one kind of clients (KIP-546): the key `producer_byte_rate` of a user, of a client id, ...
package struct QuotaName: Hashable, Comparable, Sendable {
    /// A part of whom it is for. A name of nil stands for all that have no quota of their own.
    package struct Part: Hashable, Sendable {
        package var type: String
        package var name: String?

        package init(_ type: String, _ name: String?) {
            self.type = type
            self.name = name
        }
    }

    /// Sorted by type, of which each is there once.
    package let entity: [Part]
    package let key: String

    package init(of entity: [Part], _ key: String) {
        self.entity = entity.sorted { $0.type < $1.type }
        self.key = key
    }

    package static func < (one: QuotaName, other: QuotaName) -> Bool { one.description < other.description }
}

extension QuotaName: CustomStringConvertible {
    /// For people: `consumer_byte_rate of client-id reports, user (default)`.
    package var description: String {
        "\(key) of " + entity.map { "\($0.type) \($0.name ?? "(default)")" }.joined(separator: ", ")
    }
}

/// Marks are the limits that may be the link's; texts stand after an int16 length.
extension QuotaName: FollowedName {
    package static func topic(source: String, target: String) -> String {
        "mirror-quotas.\(source)-\(target).internal"
    }

    package var recordKey: ByteBuffer {
        var writer = WireWriter()
        writer.shortText(key)
        writer.int16(Int16(entity.count))
        for part in entity {
            writer.shortText(part.type)
            writer.int8(part.name == nil ? 0 : 1)
            writer.shortText(part.name ?? "")
        }
        return writer.buffer()
    }

    package init(recordKey: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(recordKey) { reader throws(MalformedInput) in
            let key = try reader.text(Int(try reader.int16()))
            var entity: [Part] = []
            for _ in 0..<max(0, try reader.int16()) {
                let type = try reader.text(Int(try reader.int16()))
                let isNamed = try reader.int8() != 0
                let name = try reader.text(Int(try reader.int16()))
                entity.append(Part(type, isNamed ? name : nil))
            }
            try reader.finish()
            return QuotaName(of: entity, key)
        }
    }

    package static func recordValue(_ limits: Set<Double>) -> ByteBuffer {
        var writer = WireWriter()
        writer.int16(0)
        for limit in limits.sorted() { writer.int64(Int64(bitPattern: limit.bitPattern)) }
        return writer.buffer()
    }

    package static func marks(recordValue: ByteBuffer) throws(MalformedInput) -> Set<Double> {
        try WireReader.read(recordValue) { reader throws(MalformedInput) in
            guard try reader.int16() == 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            var limits: Set<Double> = []
            while reader.remaining > 0 { limits.insert(Double(bitPattern: UInt64(bitPattern: try reader.int64()))) }
            return limits
        }
    }
}
