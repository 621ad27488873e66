import NIOCore
import WireCoding

/// The name of one thing that follows a link, and how the link's marks of such things are written in a topic at its target:
/// the record's key names the thing, its value holds the marks; a record without a value gives it up. Big-endian.
package protocol FollowedName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// By what the link knows again what it has set; never a secret, for it stands in a topic.
    associatedtype Mark: Hashable & Sendable

    /// The topic's name at the target; `>` may not stand in topics' names.
    static func topic(source: String, target: String) -> String
    /// Never empty.
    var recordKey: ByteBuffer { get }
    /// Throws when the bytes are none of ours.
    init(recordKey: ByteBuffer) throws(MalformedInput)
    static func recordValue(_ marks: Set<Mark>) -> ByteBuffer
    /// Throws when the bytes are none of ours, or from a version that is not known here.
    static func marks(recordValue: ByteBuffer) throws(MalformedInput) -> Set<Mark>
}

/// Of whom the marks are: the record with an empty key holds the id of the cluster that was the link's source. Marks of
/// another cluster say nothing of what the present source has given up.
package enum MarksOrigin {
    package static let recordKey = ByteBuffer()

    package static func recordValue(_ clusterID: String) -> ByteBuffer {
        var writer = WireWriter()
        writer.int16(0)
        writer.shortText(clusterID)
        return writer.buffer()
    }

    package static func clusterID(recordValue: ByteBuffer) throws(MalformedInput) -> String {
        try WireReader.read(recordValue) { reader throws(MalformedInput) in
            guard try reader.int16() == 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            let text = try reader.text(Int(try reader.int16()))
            try reader.finish()
            return text
        }
    }
}

/// The mark of what is there or not, and is nothing else.
package enum Presence: Hashable, Sendable {
    case present

    static var recordValue: ByteBuffer {
        var writer = WireWriter()
        writer.int16(0)
        return writer.buffer()
    }

    static func marks(recordValue: ByteBuffer) throws(MalformedInput) -> Set<Presence> {
        try WireReader.read(recordValue) { reader throws(MalformedInput) in
            guard try reader.int16() == 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            try reader.finish()
            return [.present]
        }
    }
}
