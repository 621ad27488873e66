import ClusterModel
import WireCoding

/// What partitions ask of the process that brings them, and its form in messages: by topic, so that a name stands once.
package enum PartitionWeights {
    /// Of a partition in which nothing happens: it is asked for all the same.
    package static let least: Int64 = 1_000
    /// What lies behind should be brought in so many seconds.
    private static let catchingUp: Int64 = 30

    /// In bytes a second.
    package static func weight(bytesPerSecond: Double, lagInBytes: Double) -> Int64 {
        // Beyond that nothing more is to be told apart, and sums of very many stay numbers.
        let most = 1e12
        let sum = min(most, max(0, bytesPerSecond)) + min(most, max(0, lagInBytes) / Double(catchingUp))
        return max(least, Int64(sum))
    }

    static func write(_ weights: [TopicPartition: Int64], to writer: inout WireWriter) {
        let topics = Dictionary(grouping: weights.sorted { $0.key < $1.key }, by: \.key.topic)
        writer.unsignedVarint(UInt32(topics.count))
        for (name, partitions) in topics.sorted(by: { $0.key < $1.key }) {
            writer.shortText(name)
            writer.unsignedVarint(UInt32(partitions.count))
            for (partition, weight) in partitions {
                writer.varint(partition.partition)
                writer.varlong(weight)
            }
        }
    }

    static func read(_ reader: inout WireReader) throws(MalformedInput) -> [TopicPartition: Int64] {
        var weights: [TopicPartition: Int64] = [:]
        for _ in 0..<(try reader.unsignedVarint()) {
            let name = try reader.text(Int(try reader.int16()))
            for _ in 0..<(try reader.unsignedVarint()) {
                let partition = TopicPartition(topic: name, partition: try reader.varint())
                weights[partition] = max(least, min(try reader.varlong(), 2_000_000_000_000))
            }
        }
        return weights
    }
}
