import ClusterModel
import NIOCore
import Records
import WireCoding

/// What one of the processes that share a link is to do: its assignment in their group.
package struct WorkShare: Sendable, Equatable {
    private static let version: Int16 = 0

    /// Of whom it was made for: a process that was started anew in another's place knows by it.
    package var life: Int64
    /// What it brings, with the weights that were known.
    package var partitions: [TopicPartition: Int64]
    /// Whether it does what is done once for a link: makes topics, follows settings and deletions, brings positions of
    /// groups, writes heartbeats.
    package var hasDuties: Bool
    /// How many processes share the link.
    package var members: Int32
    /// What each would carry if all carried the same.
    package var meanWeight: Int64
    /// As in ``MemberReport/producerID``.
    package var producerID: ProducerID

    package init(
        life: Int64, partitions: [TopicPartition: Int64] = [:], hasDuties: Bool = false, members: Int32 = 1,
        meanWeight: Int64 = 0, producerID: ProducerID = -1
    ) {
        self.life = life
        self.partitions = partitions
        self.hasDuties = hasDuties
        self.members = members
        self.meanWeight = meanWeight
        self.producerID = producerID
    }

    /// Throws when the bytes are none of ours, or from a version that is not known here.
    package init(_ bytes: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(bytes) { reader throws(MalformedInput) in
            guard try reader.int16() == Self.version else { throw MalformedInput(.unsupportedVersion, at: 0) }
            var share = WorkShare(life: try reader.int64())
            share.hasDuties = try reader.bool()
            share.members = try reader.int32()
            share.meanWeight = try reader.int64()
            share.producerID = try reader.int64()
            share.partitions = try PartitionWeights.read(&reader)
            try reader.finish()
            return share
        }
    }

    package var bytes: ByteBuffer {
        var writer = WireWriter()
        writer.int16(Self.version)
        writer.int64(life)
        writer.bool(hasDuties)
        writer.int32(members)
        writer.int64(meanWeight)
        writer.int64(producerID)
        PartitionWeights.write(partitions, to: &writer)
        return writer.buffer()
    }
}
