import ClusterModel
import NIOCore
import Records
import WireCoding

/// What a process tells when it joins those that share a link: its metadata in their group.
package struct MemberReport: Sendable, Equatable {
    private static let version: Int16 = 0

    /// Another one each time that a process begins with the link.
    package var life: Int64
    /// Counts its reports, so that none says the same as the one before: only that makes a group divide anew.
    package var number: Int32
    /// What it writes now, or has not stopped writing yet, with the weights it has found.
    package var claims: [TopicPartition: Int64]
    /// Under which partitions are begun at the target; -1 when it knows none.
    package var producerID: ProducerID

    package init(
        life: Int64, number: Int32 = 0, claims: [TopicPartition: Int64] = [:], producerID: ProducerID = -1
    ) {
        self.life = life
        self.number = number
        self.claims = claims
        self.producerID = producerID
    }

    /// Throws when the bytes are none of ours, or from a version that is not known here.
    package init(_ bytes: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(bytes) { reader throws(MalformedInput) in
            guard try reader.int16() == Self.version else { throw MalformedInput(.unsupportedVersion, at: 0) }
            var report = MemberReport(life: try reader.int64())
            report.number = try reader.int32()
            report.producerID = try reader.int64()
            report.claims = try PartitionWeights.read(&reader)
            try reader.finish()
            return report
        }
    }

    package var bytes: ByteBuffer {
        var writer = WireWriter()
        writer.int16(Self.version)
        writer.int64(life)
        writer.int32(number)
        writer.int64(producerID)
        PartitionWeights.write(claims, to: &writer)
        return writer.buffer()
    }
}
