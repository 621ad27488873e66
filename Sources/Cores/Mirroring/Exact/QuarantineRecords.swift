import ClusterModel
import NIOCore
import Records

/// The records of quarantine topics: what only the old home of a topic had, before it became a mirror topic, with headers
/// that say where it stood.
package enum QuarantineRecords {
    package static let partitionHeader = "mirror.partition"
    package static let offsetHeader = "mirror.offset"

    /// The topic's name keeps links from copying it.
    /// - Parameter homeEpoch: of the home that does not have the records.
    package static func topic(of topic: String, homeEpoch: Int32) -> String {
        "mirror-quarantine.\(topic).\(homeEpoch).internal"
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
