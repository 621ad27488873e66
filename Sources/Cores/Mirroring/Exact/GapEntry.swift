import ClusterModel
import NIOCore
import WireCoding

/// One record of a link's gap ledger, the topic `mirror-gaps.<source>-<target>.internal` at the target: what is missing or
/// differs, when that was found, and what the link did about it.
///
/// The key is the place of the gap, so that a gap found again after a restart is the same entry, and its latest state
/// is what stays when the topic is compacted. Big-endian; texts after an int16 length.
package struct GapEntry: Sendable, Equatable {
    /// In Unicode scalars; what is longer is cut.
    private static let longestCause = 1_000

    package var partition: TopicPartition
    package var gap: MirrorGap
    package var foundAtUnixMilliseconds: Int64
    package var policy: GapPolicy
    /// For people: why it is believed to be one.
    package var cause: String

    package init(
        partition: TopicPartition, gap: MirrorGap, foundAtUnixMilliseconds: Int64, policy: GapPolicy, cause: String
    ) {
        self.partition = partition
        self.gap = gap
        self.foundAtUnixMilliseconds = foundAtUnixMilliseconds
        self.policy = policy
        self.cause = String(String.UnicodeScalarView(cause.unicodeScalars.prefix(Self.longestCause)))
    }

    /// The name of the ledger; `>` may not stand in topics' names.
    package static func topic(source: String, target: String) -> String { "mirror-gaps.\(source)-\(target).internal" }

    /// Throws when the bytes are none of ours, or from a version that is not known here.
    package init(key: ByteBuffer, value: ByteBuffer) throws(MalformedInput) {
        let place = try WireReader.read(key) { reader throws(MalformedInput) in
            let topic = try reader.text(Int(try reader.int16()))
            let partition = TopicPartition(topic: topic, partition: try reader.int32())
            let position = reader.position
            guard let kind = MirrorGap.Kind(rawValue: try reader.text(Int(try reader.int16()))) else {
                throw MalformedInput(.custom("a kind of gap that there is not"), at: position)
            }
            let start = try reader.int64()
            try reader.finish()
            return (partition: partition, kind: kind, start: start)
        }
        self = try WireReader.read(value) { reader throws(MalformedInput) in
            guard try reader.int16() == 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            let end = try reader.int64()
            let time = try reader.int64()
            let position = reader.position
            guard let policy = GapPolicy(rawValue: try reader.text(Int(try reader.int16()))), end >= place.start else {
                throw MalformedInput(
                    .custom("a policy that there is not, or a gap that ends before it begins"), at: position)
            }
            let cause = try reader.text(Int(try reader.int16()))
            try reader.finish()
            return GapEntry(
                partition: place.partition, gap: MirrorGap(place.kind, place.start..<end),
                foundAtUnixMilliseconds: time, policy: policy, cause: cause)
        }
    }

    package var key: ByteBuffer {
        var writer = WireWriter()
        writer.shortText(partition.topic)
        writer.int32(partition.partition)
        writer.shortText(gap.kind.rawValue)
        writer.int64(gap.offsets.lowerBound)
        return writer.buffer()
    }

    package var value: ByteBuffer {
        var writer = WireWriter()
        writer.int16(0)
        writer.int64(gap.offsets.upperBound)
        writer.int64(foundAtUnixMilliseconds)
        writer.shortText(policy.rawValue)
        writer.shortText(cause)
        return writer.buffer()
    }
}
