import ClusterModel
import NIOCore
import WireCoding

/// One record of `<source>.checkpoints.internal`: a group's committed offset at the source and what it is at the
/// target, in MirrorMaker 2's format.
package struct Checkpoint: Sendable, Equatable {
    package var group: String
    /// By its name at the target.
    package var partition: TopicPartition
    package var upstreamOffset: Offset
    package var downstreamOffset: Offset
    /// What the group committed beside its offset.
    package var metadata: String

    package init(
        group: String, partition: TopicPartition, upstreamOffset: Offset, downstreamOffset: Offset, metadata: String
    ) {
        self.group = group
        self.partition = partition
        self.upstreamOffset = upstreamOffset
        self.downstreamOffset = downstreamOffset
        self.metadata = metadata
    }

    package init(key: ByteBuffer, value: ByteBuffer) throws(MalformedInput) {
        (group, partition) = try WireReader.read(key) { reader throws(MalformedInput) in
            let group = try reader.text(Int(try reader.int16()))
            let topic = try reader.text(Int(try reader.int16()))
            let partition = TopicPartition(topic: topic, partition: try reader.int32())
            try reader.finish()
            return (group, partition)
        }
        (upstreamOffset, downstreamOffset, metadata) = try WireReader.read(value) { reader throws(MalformedInput) in
            guard try reader.int16() == 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            let offsets = (try reader.int64(), try reader.int64())
            let metadata = try reader.text(Int(try reader.int16()))
            try reader.finish()
            return (offsets.0, offsets.1, metadata)
        }
    }

    package var key: ByteBuffer {
        var writer = WireWriter()
        writer.shortText(group)
        writer.shortText(partition.topic)
        writer.int32(partition.partition)
        return writer.buffer()
    }

    package var value: ByteBuffer {
        var writer = WireWriter()
        writer.int16(0)
        writer.int64(upstreamOffset)
        writer.int64(downstreamOffset)
        writer.shortText(metadata)
        return writer.buffer()
    }
}
