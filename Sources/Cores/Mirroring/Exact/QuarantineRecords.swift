import ClusterModel
import NIOCore
import Records
import WireCoding

/// The records of quarantine topics: what only the old home of a topic had, before it became a mirror topic, with headers
/// that say where it stood.
package enum QuarantineRecords {
    package static let partitionHeader = "mirror.partition"
    package static let offsetHeader = "mirror.offset"

    /// Of any topic's name, in Apache Kafka.
    private static let longestName = 249

    /// The topic's name keeps links from copying it. Where it would be too long, the end of `topic` gives way to the
    /// CRC-32C of all of it.
    /// - Parameter homeEpoch: of the home that does not have the records.
    package static func topic(of topic: String, homeEpoch: Int32) -> String {
        let (prefix, suffix) = ("mirror-quarantine.", ".\(homeEpoch).internal")
        let room = longestName - prefix.utf8.count - suffix.utf8.count
        guard topic.utf8.count > room else { return prefix + topic + suffix }
        let checksum = "-\(Array(topic.utf8).withUnsafeBytes { crc32c($0) })"
        return prefix + topic.prefix(room - checksum.utf8.count) + checksum + suffix
    }
}

extension RecordBatchBuilder {
    /// Appends a record that stood in `partition`.
    package mutating func append(quarantined record: Record, of partition: Int32) {
        append(
            timestamp: record.timestamp, key: record.key, value: record.value,
            headers: record.headers + [
                RecordHeader(name: QuarantineRecords.partitionHeader, value: ByteBuffer(string: "\(partition)")),
                RecordHeader(name: QuarantineRecords.offsetHeader, value: ByteBuffer(string: "\(record.offset)")),
            ])
    }
}

extension Record {
    /// Where a record of a quarantine topic stood; nil when it does not say.
    package var quarantinedPlace: (partition: Int32, offset: Offset)? {
        func number(_ name: String) -> Int64? {
            headers.last { $0.name == name }?.value.flatMap { Int64(String(buffer: $0)) }
        }
        guard let partition = number(QuarantineRecords.partitionHeader).flatMap(Int32.init(exactly:)),
            let offset = number(QuarantineRecords.offsetHeader)
        else { return nil }
        return (partition, offset)
    }
}
