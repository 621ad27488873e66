import ClusterModel
import NIOCore
import WireCoding

/// One record of `mm2-offset-syncs.<alias>.internal`: a source offset and the target offset of the same record, in
/// MirrorMaker 2's format.
package struct OffsetSync: Sendable, Equatable {
    /// By its name at the source.
    package var partition: TopicPartition
    package var upstreamOffset: Offset
    package var downstreamOffset: Offset

    package init(partition: TopicPartition, upstreamOffset: Offset, downstreamOffset: Offset) {
        self.partition = partition
        self.upstreamOffset = upstreamOffset
        self.downstreamOffset = downstreamOffset
    }

    package init(key: ByteBuffer, value: ByteBuffer) throws(MalformedInput) {
        partition = try WireReader.read(key) { reader throws(MalformedInput) in
            let topic = try reader.text(Int(try reader.int16()))
            let partition = TopicPartition(topic: topic, partition: try reader.int32())
            try reader.finish()
            return partition
        }
        (upstreamOffset, downstreamOffset) = try WireReader.read(value) { reader throws(MalformedInput) in
            let offsets = (try reader.int64(), try reader.int64())
            try reader.finish()
            return offsets
        }
    }

    package var key: ByteBuffer {
        var writer = WireWriter()
        writer.shortText(partition.topic)
        writer.int32(partition.partition)
        return writer.buffer()
    }

    package var value: ByteBuffer {
        var writer = WireWriter()
        writer.int64(upstreamOffset)
        writer.int64(downstreamOffset)
        return writer.buffer()
    }
}

extension WireWriter {
    /// UTF-8 after its length in two bytes.
    mutating func shortText(_ text: String) {
        int16(Int16(text.utf8.count))
        self.text(text)
    }
}
